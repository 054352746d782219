import { isInForce } from "./edits.js";
import { DONE_ATTRIBUTE, stateOf } from "./element-state.js";
import { parse } from "./json.js";
import { track } from "./messages.js";

const reported = new Set<string>();

/** Reports an outcome of what an element shows: once, and only if no script of the page has replaced the content. */
export const reportOutcome = (event: string, element: Element): void => {
  const outcome = element.getAttribute(DONE_ATTRIBUTE);
  const { _edits = [] } = stateOf(element);
  if (!outcome || reported.has(event + outcome) || !_edits.every(isInForce, element)) return;
  reported.add(event + outcome);
  track(event, parse(outcome));
};
