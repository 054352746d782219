import { stateOf } from "./element-state.js";

const scriptStart = performance.now();

/** When the browser painted first, in milliseconds. Undefined until the browser reports it, some frames late. */
export const getFirstPaint = (): number | undefined => performance.getEntriesByType("paint")[0]?.startTime;

export const isVisible = (element: Element): boolean => getComputedStyle(element).visibility !== "hidden";

export const isBelowViewport = (element: Element): boolean => element.getBoundingClientRect().top >= innerHeight;

export const isInSight = (element: HTMLElement): boolean =>
  !isBelowViewport(element) && element.offsetHeight > 0 && isVisible(element);

/** Whether the visitor may have seen the element's present content. */
export const isSeen = (element: HTMLElement): boolean => {
  const { _isSeen, _wasInSight } = stateOf(element);
  const firstPaint = getFirstPaint() as number;
  return !!(_isSeen || (_wasInSight && firstPaint < scriptStart) || (firstPaint >= 0 && isInSight(element)));
};
