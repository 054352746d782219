import { apply, edits } from "./fill.js";
import { isUnseen, mayMove } from "./seen.js";
import type { Decision, Rendered } from "./types.js";
import { watch } from "./view.js";

/** Shows a decision in an element; `isForced`: even if it was seen. */
export const render = (element: HTMLElement, decision: Decision, isForced = true): Rendered => {
  const spots = spotsOf(element, decision);
  const swap = swapper(element, spots, decision);
  const rendered = !swap ? "default" : !isForced && !isUnseen(element) ? "seen" : attempt(element, swap);
  if (decision.decisionId && (rendered == "default" || rendered == "swapped")) {
    const shown = rendered == "swapped" && decision.slots ? spots.map((spot) => spot!._element) : [element];
    shown.forEach((part, slot) => part && watch(part, decision.decisionId!, decision.slots && shown[0] != element ? slot : undefined));
  }
  return rendered;
};

/** What shows one slot: a copy of a template, filled. */
interface Spot {
  _nodes: DocumentFragment;
  _element: Element | null;
}

const templatesOf = (element: HTMLElement) => [...element.querySelectorAll("template")];

const spotsOf = (element: HTMLElement, { slots, ...decision }: Decision): (Spot | undefined)[] =>
  (slots ?? [decision]).map(({ action, payload }) => {
    const templates = templatesOf(element);
    const template =
      templates.find((one) => one.dataset.edgewiseAction == action) ??
      templates.find((one) => slots && one.dataset.edgewiseSlot != undefined);
    if (!template || action == null) return undefined;
    const _nodes = document.importNode(template.content, true);
    apply(edits(_nodes, payload));
    return { _nodes, _element: _nodes.firstElementChild };
  });

/** Changes the element in one step, and gives back what undoes it; undefined where there is nothing to change. */
const swapper = (element: HTMLElement, spots: (Spot | undefined)[], { slots, payload }: Decision) => {
  if (spots[0] && spots.every((spot) => spot)) {
    return () => {
      const before = [...element.childNodes];
      element.replaceChildren(...spots.map((spot) => spot!._nodes), ...templatesOf(element));
      return () => element.replaceChildren(...before);
    };
  }
  const wanted = slots ? [] : edits(element, payload);
  return wanted[0] && (() => {
    const before = apply(wanted);
    return () => void apply(before);
  });
};

/** Swaps, unless that moves what is around the element: one that got smaller keeps its box, for one that got larger the default comes back. */
const attempt = (element: HTMLElement, swap: () => () => void): Rendered => {
  if (mayMove(element)) {
    swap();
    return "swapped";
  }
  const { style } = element;
  const former = style.minHeight;
  const { height } = getComputedStyle(element);
  const before = surroundings(element);
  const undo = swap();
  if (surroundings(element) != before) style.minHeight = height;
  if (surroundings(element) == before) return "swapped";
  undo();
  style.minHeight = former;
  console.warn(`edgewise: ${element.dataset.edgewise} has no room for what was decided; reserve it with min-height`);
  return "moved";
};

/** Where things are: the element, what follows it, and the end of the page. */
const surroundings = (element: HTMLElement) =>
  JSON.stringify([element, element.nextElementSibling, document.documentElement].map((one) => one?.getBoundingClientRect()));
