import { cancel } from "./cancel.js";
import { apply, type Edit, filling } from "./edits.js";
import { isBelow, isUnseen, painted, spotOf, watch } from "./spots.js";
import type { Decision, Rendered } from "./types.js";

/** Shows a decision in an element, as its markup says; `isForced`: even if it was seen. */
export const render = (element: HTMLElement, { slots, ...decision }: Decision, isForced = true): Rendered => {
  const templates = [...element.querySelectorAll("template")];
  // Frameworks that render in the browser put into a template what belongs into its content.
  for (const { content, childNodes } of templates) {
    if (!content.firstChild) content.append(...[...childNodes].map((one) => one.cloneNode(true)));
  }
  const { decisionId } = decision;
  const parts = (slots ?? [decision]).map(({ action, payload }) => {
    const template =
      templates.find(({ dataset }) => dataset.edgewiseAction === action) ??
      (slots && templates.find(({ dataset }) => "edgewiseSlot" in dataset));
    const part = template && (template.content.cloneNode(true) as DocumentFragment);
    if (part) apply(filling(part, payload));
    return part;
  });
  const elements = parts.map((part) => part?.firstElementChild);
  const edits: Edit[] =
    parts[0] && !parts.includes(undefined) ? [[element, "", [...parts, ...templates]]] : filling(element, decision.payload);
  const rendered = !edits[0] ? "default" : isForced || isUnseen(element) ? swap(element, edits) : "seen";
  const isShown = decisionId && /sw|de/.test(rendered);
  const isRow = isShown && slots && edits[0];
  const { _name, _timer } = spotOf(element);
  cancel(_timer);
  watch(element, { _name, _shown: isShown && !isRow ? { decisionId, action: decision.action } : undefined });
  if (isRow) elements.forEach((one, slot) => one && watch(one, { _shown: { decisionId, slot, action: slots[slot]!.action } }));
  return rendered;
};

/** In one step, unless it moves what is around: what got smaller keeps its box, for what got larger the default comes back. */
const swap = (element: HTMLElement, edits: Edit[]): Rendered => {
  const { style } = element;
  const { minHeight } = style;
  const { height } = getComputedStyle(element);
  const before = surroundings(element);
  // Boxes are measured in fractions of a pixel, and styles tell them rounded.
  const hasMoved = () => surroundings(element).some((place, i) => Math.abs(place - before[i]!) > 1);
  const undo = apply(edits);
  if (hasMoved()) style.minHeight = height;
  if (!hasMoved()) return "swapped";
  apply(undo);
  style.minHeight = minHeight;
  return "moved";
};

/** Where what stands around the element begins and ends, as far as somebody sees that. Of the first frame we may not have been told yet. */
const surroundings = (element: HTMLElement): number[] => {
  const places: number[] = [];
  if (isBelow(element) || (document.hidden && !painted())) return places;
  for (let one: Element | null = element; one; one = one.parentElement) {
    // Words that follow begin where it ends.
    for (const other of [one.nextElementSibling, one.parentElement, (one.nextSibling as Text | null)?.wholeText?.trim() && one]) {
      if (!other) continue;
      const { left, bottom, right } = other.getBoundingClientRect();
      places.push(left, bottom, right);
    }
  }
  return places;
};
