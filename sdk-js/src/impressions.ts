import { listen } from "./browser.js";
import { type ElementState, setState, stateOf } from "./element-state.js";
import { track } from "./messages.js";
import { isVisible } from "./visibility.js";

const IMPRESSION_TIME = 1000;
const LARGE_AREA = 242_500;
const THRESHOLDS = [0, 0.1, 0.2, 0.3, 0.4, 0.5];

/** Keeps the state of an element from now on: whether it was seen, and its impression. */
export const observe = (element: Element, state: ElementState, isDone = true): void => {
  clearTimeout(stateOf(element)._impressionTimer);
  setState(element, state, isDone);
  // A new observation reports the present ratio again.
  observer.unobserve(element);
  observer.observe(element);
};

const observer = new IntersectionObserver(
  (entries) => {
    for (const { target, intersectionRatio, boundingClientRect } of entries) {
      const state = stateOf(target);
      // An element that has just left the viewport was in it: scrolling can be faster than the observer.
      const wasInViewport = intersectionRatio > 0 || !!state._ratio;
      state._isSeen ||= wasInViewport && isVisible(target);
      state._ratio = intersectionRatio;
      if (!intersectionRatio || intersectionRatio < requiredRatio(boundingClientRect)) {
        clearTimeout(state._impressionTimer);
        state._impressionTimer = undefined;
      } else if (state._outcome) state._impressionTimer ??= startTimer(state, target);
    }
  },
  { threshold: THRESHOLDS },
);

/**
 * The share of an element that counts as seen by the Media Rating Council's rule: half of it, 30% of a large one.
 *
 * Less is enough for an element that is taller than the viewport: the share that fits. One threshold is subtracted,
 * since the observer may report just below it.
 */
const requiredRatio = ({ width, height }: DOMRectReadOnly) =>
  Math.min(width * height < LARGE_AREA ? 0.5 : 0.3, innerHeight / height - 0.1);

let visibilityChanges = 0;
listen("visibilitychange", () => {
  visibilityChanges++;
});

/** Reports the impression after one continuous second in a visible tab. */
const startTimer = (state: ElementState, element: Element): ReturnType<typeof setTimeout> => {
  const before = visibilityChanges;
  return setTimeout(() => {
    if (document.hidden || before !== visibilityChanges) state._impressionTimer = startTimer(state, element);
    else {
      observer.unobserve(element);
      if (state._outcome) track("$impression", state._outcome);
    }
  }, IMPRESSION_TIME);
};
