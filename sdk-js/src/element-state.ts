import type { Edit } from "./edits.js";

/** What the outcomes of an element (its impression, its click) name. */
export type Outcome = {
  decisionId: string;
  action: string | null;
  slot?: number;
};

/** The state of an element that shows, or will show, a decision or one slot of it. */
export interface ElementState {
  /** The placement that was asked for last. */
  _placement?: string | undefined;
  /** The element was in sight when the SDK found it: no stub had hidden it. */
  _wasInSight?: boolean;
  /** The element has been visible in the viewport since. */
  _isSeen?: boolean;
  /** The share of the element in the viewport, as the observer reported it last. */
  _ratio?: number;
  _impressionTimer?: ReturnType<typeof setTimeout> | undefined;
  /** What the SDK has changed. Undefined until the content is final. */
  _edits?: Edit[];
}

/**
 * Marks elements whose content is final. The stub hides the placements that do not have it yet.
 *
 * The value is the outcome as JSON, or empty. So a copy of the element, or one that a script restores, has it, too.
 */
export const DONE_ATTRIBUTE = "data-e";

const states = new WeakMap<Element, ElementState>();

/** The state of an element. It is empty for an unknown one. */
export const stateOf = (element: Element): ElementState => states.get(element) ?? {};

export const setState = (element: Element, state: ElementState): void => {
  states.set(element, state);
};
