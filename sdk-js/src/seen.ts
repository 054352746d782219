/** Whether anything was drawn: a frame has begun since this script came, or the browser says so. */
let isDrawn = false;
requestAnimationFrame(() => (isDrawn = true));
const isPainted = () => isDrawn || !!performance.getEntriesByName("first-contentful-paint")[0];

/** Elements that were in the viewport, and visible. */
const seen = new WeakSet<Element>();

const isVisible = (element: Element) => getComputedStyle(element).visibility != "hidden";

const isBelow = (element: Element) => element.getBoundingClientRect().top >= innerHeight;

/** Whether an element has no box, or one that nobody has got to see. */
export const isUnseen = (element: Element): boolean =>
  !seen.has(element) && (!isPainted() || !element.getClientRects()[0] || !isVisible(element) || isBelow(element));

/** Whether nobody sees when what is around an element moves. */
export const mayMove = (element: Element): boolean => !isPainted() || isBelow(element);

export const lookFor = (element: Element): void => observer.observe(element);

const observer = new IntersectionObserver((entries) =>
  entries.forEach(({ isIntersecting, target }) => isIntersecting && isPainted() && isVisible(target) && seen.add(target)),
);
