import { applyEdits, collectEdits, type Edit } from "./edits.js";
import { stateOf } from "./element-state.js";
import { observe } from "./impressions.js";
import type { Decision, Rendered, Slot } from "./types.js";
import { getFirstPaint, isBelowViewport, isSeen } from "./visibility.js";

/** Shows a decision in an element, as its markup describes. `isForced` swaps the content even if it was seen. */
export const render = (element: HTMLElement, decision: Decision, isForced = true): Rendered => {
  const { decisionId, action, slots } = decision;
  const templates = [...element.querySelectorAll("template")];
  templates.forEach(moveIntoContent);
  const contents = (slots ?? [decision]).map((slot) => instantiate(templates, slot, !!slots));
  const slotElements = contents.map((content) => content?.firstElementChild);
  const edits = isComplete(contents)
    ? [{ _target: element, _value: [...contents, ...templates] }]
    : collectEdits(element, decision.payload);
  const rendered = showEdits(element, edits, isForced);

  const isShown = rendered === "swapped" || rendered === "default";
  const outcome = decisionId && isShown ? { decisionId, action } : undefined;
  const hasSlots = slots && edits.length > 0;
  observe(element, { _placement: stateOf(element)._placement, _outcome: hasSlots ? undefined : outcome });
  if (outcome && hasSlots) {
    slotElements.forEach((slotElement, slot) => {
      const { action = null } = slots[slot] ?? {};
      if (slotElement) observe(slotElement, { _outcome: { ...outcome, slot, action } });
    });
  }
  return rendered;
};

/** Frameworks that render in the browser append the children to the template itself. */
const moveIntoContent = ({ content, childNodes }: HTMLTemplateElement) => {
  if (!content.firstChild) content.append(...[...childNodes].map((node) => node.cloneNode(true)));
};

/** A filled copy of the template for an action, or undefined if there is none. */
const instantiate = (templates: HTMLTemplateElement[], { action, payload }: Slot, isSlot: boolean) => {
  const template =
    templates.find(({ dataset }) => dataset.edgewiseAction === action) ??
    templates.find(({ dataset }) => isSlot && "edgewiseSlot" in dataset);
  if (!template) return undefined;
  const content = template.content.cloneNode(true) as DocumentFragment;
  applyEdits(collectEdits(content, payload));
  return content;
};

const isComplete = (contents: (DocumentFragment | undefined)[]): contents is DocumentFragment[] =>
  contents.length > 0 && !contents.includes(undefined);

const showEdits = (element: HTMLElement, edits: Edit[], isForced: boolean): Rendered => {
  if (!edits.length) return "default";
  if (!isForced && isSeen(element)) return "seen";
  return swap(element, edits);
};

/** Swaps the content unless that moves the surroundings. Smaller content keeps the former height. */
const swap = (element: HTMLElement, edits: Edit[]): Rendered => {
  const { style } = element;
  const { minHeight } = style;
  const { height } = getComputedStyle(element);
  const before = measureSurroundings(element);
  // Boxes have fractions of a pixel, and `height` is rounded.
  const hasMoved = () => measureSurroundings(element).some((edge, index) => Math.abs(edge - before[index]) > 1);
  const undo = applyEdits(edits);
  if (hasMoved()) style.minHeight = height;
  if (!hasMoved()) return "swapped";
  applyEdits(undo);
  style.minHeight = minHeight;
  return "moved";
};

/** The edges of the boxes around an element, or none where nobody can see them move. */
const measureSurroundings = (element: HTMLElement): number[] => {
  const edges: number[] = [];
  // The first paint is reported late, so a visible page counts as painted.
  const isUnpainted = document.hidden && !getFirstPaint();
  if (isBelowViewport(element) || isUnpainted) return edges;
  for (let ancestor: Element | null = element; ancestor; ancestor = ancestor.parentElement) {
    const { nextElementSibling, parentElement } = ancestor;
    // Text has no box of its own, but it begins where the element before it ends.
    const beforeText = isFollowedByText(ancestor) ? ancestor : null;
    for (const neighbor of [nextElementSibling, parentElement, beforeText]) {
      if (!neighbor) continue;
      const { left, bottom, right } = neighbor.getBoundingClientRect();
      edges.push(left, bottom, right);
    }
  }
  return edges;
};

const isFollowedByText = ({ nextSibling }: Element) => !!(nextSibling as Text | null)?.wholeText?.trim();
