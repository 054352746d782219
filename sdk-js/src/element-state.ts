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
  _outcome?: Outcome | undefined;
  _isClicked?: boolean;
  _impressionTimer?: ReturnType<typeof setTimeout> | undefined;
}

/** Marks elements whose content is final. The stub hides the placements that do not have it yet. */
export const DONE_ATTRIBUTE = "data-e";

const states = new WeakMap<Element, ElementState>();

/** The state of an element. For an unknown element, or none, it is empty. */
export const stateOf = (element: Element | null): ElementState => states.get(element as Element) ?? {};

export const setState = (element: Element, state: ElementState, isDone: boolean): void => {
  element.toggleAttribute(DONE_ATTRIBUTE, isDone);
  states.set(element, state);
};
