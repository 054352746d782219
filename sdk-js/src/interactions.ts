import { DONE_ATTRIBUTE } from "./element-state.js";
import { parse } from "./json.js";
import { track } from "./messages.js";
import { reportOutcome } from "./outcomes.js";

const CLICKABLE = "a,button,[data-edgewise-click]";
const RIGHT_BUTTON = 2;

/** Reports the first click on a decision, and the events that elements name with `data-edgewise-event`. */
export const reportInteraction = (event: MouseEvent | SubmitEvent): void => {
  // A submit event has no button.
  if ((event as MouseEvent).button >= RIGHT_BUTTON) return;
  const target = event.target as Element;
  const isSubmit = event.type === "submit";
  const shown = target.closest(`[${DONE_ATTRIBUTE}]`);
  if (!isSubmit && shown && target.closest(CLICKABLE)) reportOutcome("$click", shown);
  const source = target.closest<HTMLElement>("[data-edgewise-event]");
  // A form reports that it was submitted, any other element that it was clicked.
  if (!source || isSubmit !== source instanceof HTMLFormElement) return;
  if (!isSubmit) reportEvent(source);
  // The page may still prevent the submission. The browser leaves the page later than that.
  else setTimeout(() => event.defaultPrevented || reportEvent(source));
};

const reportEvent = ({ dataset: { edgewiseEvent, edgewiseProperties } }: HTMLElement) =>
  track(edgewiseEvent as string, parse(edgewiseProperties));
