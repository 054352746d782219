import { DONE_ATTRIBUTE, stateOf } from "./element-state.js";
import { parse } from "./json.js";
import { track } from "./messages.js";
import type { Properties } from "./types.js";

const CLICKABLE = "a,button,[data-edgewise-click]";
const RIGHT_BUTTON = 2;

/** Reports the first click on a decision, and the events that elements name with `data-edgewise-event`. */
export const reportInteraction = (event: MouseEvent | SubmitEvent): void => {
  if ("button" in event && event.button >= RIGHT_BUTTON) return;
  const target = event.target as Element;
  const isSubmit = event.type === "submit";
  if (!isSubmit) reportClick(target);
  const source = target.closest<HTMLElement>("[data-edgewise-event]");
  // A form reports that it was submitted, any other element that it was clicked.
  if (!source || isSubmit !== source instanceof HTMLFormElement) return;
  if (!isSubmit) reportEvent(source);
  // The page may still prevent the submission. The browser leaves the page later than that.
  else setTimeout(() => event.defaultPrevented || reportEvent(source));
};

const reportClick = (target: Element) => {
  const state = stateOf(target.closest(`[${DONE_ATTRIBUTE}]`));
  if (state._isClicked || !state._outcome || !target.closest(CLICKABLE)) return;
  state._isClicked = true;
  track("$click", state._outcome);
};

const reportEvent = ({ dataset }: HTMLElement) => {
  const properties = parse<Properties>(dataset.edgewiseProperties);
  track(dataset.edgewiseEvent ?? "", properties);
};
