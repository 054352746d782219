import { listen } from "./browser.js";
import { type ElementState, setState, stateOf } from "./element-state.js";
import { reportOutcome } from "./outcomes.js";
import { isVisible } from "./visibility.js";

const IMPRESSION_TIME = 1000;
const LARGE_AREA = 242_500;
const THRESHOLDS = [0, 0.1, 0.2, 0.3, 0.5];

/** Replaces the state of an element, and observes whether it is seen. */
export const observe = (element: Element, state: ElementState): void => {
  clearTimeout(stateOf(element)._impressionTimer);
  setState(element, state);
  // Makes the observer report the ratio again.
  observer.unobserve(element);
  observer.observe(element);
};

export const observer = new IntersectionObserver(
  (entries) => {
    for (const { target, intersectionRatio, boundingClientRect } of entries) {
      const state = stateOf(target);
      // An element that leaves the viewport counts, too. The observer does not report when it became visible.
      state._isSeen ||= !!(intersectionRatio || state._ratio) && isVisible(target);
      state._ratio = intersectionRatio;
      clearTimeout(state._impressionTimer);
      if (intersectionRatio && intersectionRatio >= requiredRatio(boundingClientRect))
        state._impressionTimer = startTimer(state, target);
    }
  },
  { threshold: THRESHOLDS },
);

/**
 * The share of an element that must be in sight by the Media Rating Council's rule: half of it, or 30% of a large one.
 * The guideline is linked in docs/reference/sdk.md.
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
    else reportOutcome("$impression", element);
  }, IMPRESSION_TIME);
};
