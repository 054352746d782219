import { cancel } from "./cancel.js";
import { track } from "./messages.js";
import { listen } from "./listen.js";

/** An element that shows, or will show, a decision or a slot of it. */
export interface Spot {
  /** The placement that it was last asked about for. */
  _name?: string;
  /** It stood there in sight when it was found, as no stub hid it. */
  _isBare?: boolean;
  /** It was in the viewport, and visible. */
  _isSeen?: boolean | 0 | undefined;
  /** How much of it was in the viewport when we were told last. */
  _share?: number;
  /** What its outcomes name. */
  _shown?: { decisionId: string; action: string | null; slot?: number } | undefined;
  _isClicked?: boolean;
  _timer?: ReturnType<typeof setTimeout> | undefined;
}

/** Marks elements that are what they will be. */
export const DONE = "data-e";

const spots = new WeakMap<Element, Spot>();

export const spotOf = (element: Element | null): Spot => spots.get(element!) ?? {};

/** From now on, what becomes of this element is known. */
export const watch = (element: Element, spot: Spot, isDone = true): void => {
  element.toggleAttribute(DONE, isDone);
  spots.set(element, spot);
  observer.unobserve(element);
  observer.observe(element);
};

/** When this script came, and the page was painted first: which the browser tells some frames later. */
const began = performance.now();
export const painted = () => performance.getEntriesByType("paint")[0]?.startTime;

export const isVisible = (element: Element) => getComputedStyle(element).visibility != "hidden";

export const isBelow = (element: Element) => element.getBoundingClientRect().top >= innerHeight;

export const isInSight = (element: HTMLElement) => !isBelow(element) && !!element.offsetHeight && isVisible(element);

/** Whether nobody has got to see an element. */
export const isUnseen = (element: HTMLElement): boolean => {
  const { _isSeen, _isBare } = spotOf(element);
  return !_isSeen && !(_isBare && painted()! < began) && !(painted() && isInSight(element));
};

/** The Media Rating Council's rule: half of the pixels (of a large one 30%), for one continuous second, in a visible tab. */
const observer = new IntersectionObserver(
  (entries) =>
    entries.forEach(({ target, intersectionRatio, boundingClientRect: { width, height } }) => {
      const spot = spotOf(target);
      // Leaving tells too: the time for a decision may have run out in the viewport.
      spot._isSeen ||= (intersectionRatio || spot._share) && isVisible(target);
      spot._share = intersectionRatio;
      // Of what is taller than the window, no more than that can be in it; steps of a tenth may just miss it.
      if (!intersectionRatio || intersectionRatio < Math.min(width * height < 242_500 ? 0.5 : 0.3, innerHeight / height - 0.1)) {
        spot._timer = cancel(spot._timer);
      } else if (spot._shown) spot._timer ??= count(spot, target);
    }),
  { threshold: [0, 0.1, 0.2, 0.3, 0.4, 0.5] },
);

/** How often the tab was hidden or shown. */
let changes = 0;
listen("visibilitychange", () => changes++);

const count = (spot: Spot, element: Element) => {
  const before = changes;
  return setTimeout(() => {
    if (document.hidden || before != changes) spot._timer = count(spot, element);
    else {
      observer.unobserve(element);
      track("$impression", spot._shown);
    }
  }, 1000);
};
