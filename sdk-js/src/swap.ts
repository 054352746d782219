import { applyEdits, type Edit } from "./edits.js";
import type { Rendered } from "./types.js";
import { isBelowViewport } from "./visibility.js";

/** Browsers do not count a shorter move as a layout shift: https://wicg.github.io/layout-instability/#sec-shifted */
const UNSEEN_PIXELS = 3;

/**
 * Applies edits unless a visitor would see that the surroundings move.
 *
 * Smaller content keeps the former box. The stub removes the outer margins of content that has a `min-width`.
 */
export const swap = (element: HTMLElement, edits: Edit[]): Rendered => {
  const { style } = element;
  const { cssText } = style;
  const { height, width } = getComputedStyle(element);
  const before = measureSurroundings(element);
  const hasMoved = () =>
    measureSurroundings(element).some((edge, index) => !(Math.abs(edge - (before[index] as number)) < UNSEEN_PIXELS));
  const undo = applyEdits(edits);
  // An image of unknown size will grow. If the box has no room for that, this height moves the page at once.
  for (const image of element.querySelectorAll("img"))
    if (!image.complete && !image.height) image.style.minHeight = "3px";
  if (hasMoved()) style.minHeight = height;
  if (hasMoved()) style.minWidth = `min(100%,${width})`;
  // Percentages do not count in the columns of tables and grids.
  if (hasMoved()) style.minWidth = width;
  if (!hasMoved()) return "swapped";
  applyEdits(undo);
  style.cssText = cssText;
  return "moved";
};

/** The edges of the boxes and texts around an element, as far as they are in sight. None if nobody sees them move. */
const measureSurroundings = (element: HTMLElement): number[] => {
  const edges: number[] = [];
  if (isBelowViewport(element) || document.hidden) return edges;
  const range = new Range();
  // Not one range for the whole document: Firefox counts parents that the range only begins or ends in.
  for (let node: Element = element; node.parentElement; node = node.parentElement) {
    for (const method of ["setEndBefore", "setStartAfter"] as const) {
      range.selectNodeContents(node.parentElement);
      range[method](node);
      for (const { left, right, top } of range.getClientRects()) edges.push(left, right, Math.min(top, innerHeight));
    }
  }
  return edges;
};
