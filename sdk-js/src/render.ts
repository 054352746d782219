import { apply, type Edit, filling } from "./edits.js";
import { isUnseen, mayMove, spotOf, watch } from "./spots.js";
import type { Decision, Rendered } from "./types.js";

/** Shows a decision in an element, as its markup says; `isForced`: even if it was seen. */
export const render = (element: HTMLElement, { slots, ...decision }: Decision, isForced = true): Rendered => {
  const templates = [...element.querySelectorAll("template")];
  const parts = (slots ?? [decision]).map(({ action, payload }) => {
    const template =
      templates.find(({ dataset }) => dataset.edgewiseAction === action) ??
      (slots && templates.find(({ dataset }) => "edgewiseSlot" in dataset));
    const part = template && document.importNode(template.content, true);
    if (part) apply(filling(part, payload));
    return part;
  });
  const elements = parts.map((part) => part?.firstElementChild);
  const edits: Edit[] =
    parts[0] && !parts.includes(undefined) ? [[element, "", [...parts, ...templates]]] : filling(element, decision.payload);
  const rendered = !edits[0] ? "default" : isForced || isUnseen(element) ? swap(element, edits) : "seen";
  const { decisionId } = decision;
  const isShown = decisionId && /sw|de/.test(rendered);
  const isRow = isShown && slots && edits[0];
  watch(element, { ...spotOf(element), _shown: isShown && !isRow ? { decisionId } : undefined });
  if (isRow) elements.forEach((one, slot) => one && watch(one, { _shown: { decisionId, slot } }));
  return rendered;
};

/** In one step, unless it moves what is around: what got smaller keeps its box, for what got larger the default comes back. */
const swap = (element: HTMLElement, edits: Edit[]): Rendered => {
  const { style } = element;
  const { minHeight } = style;
  const { height } = getComputedStyle(element);
  const before = surroundings(element);
  const undo = apply(edits);
  if (surroundings(element) != before) style.minHeight = height;
  if (surroundings(element) == before) return "swapped";
  apply(undo);
  style.minHeight = minHeight;
  console.warn(`edgewise: ${element.dataset.edgewise} needs min-height`);
  return "moved";
};

/** Where things are that somebody sees, to the pixel: the element, what follows it, and the end of the page. */
const surroundings = (element: HTMLElement): string =>
  mayMove(element)
    ? ""
    : `${[element.offsetHeight, element.offsetWidth, (element.nextElementSibling as HTMLElement | null)?.offsetTop, document.documentElement.offsetHeight]}`;
