import { applyEdits, collectEdits, type Edit } from "./edits.js";
import { DONE_ATTRIBUTE, type ElementState, type Outcome, stateOf } from "./element-state.js";
import { observe } from "./impressions.js";
import { toJson } from "./json.js";
import { reportNotShown } from "./messages.js";
import { options } from "./options.js";
import { swap } from "./swap.js";
import type { Decision, Rendered, Slot } from "./types.js";
import { isSeen } from "./visibility.js";

/** Marks an element as final. */
const finish = (element: Element, state: ElementState, outcome?: Outcome) => {
  element.setAttribute(DONE_ATTRIBUTE, outcome ? toJson(outcome) : "");
  observe(element, state);
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
  !!contents[0] && !contents.includes(undefined);

const FADE_MILLISECONDS = 200;

const showEdits = (
  element: HTMLElement,
  edits: Edit[],
  { group }: Decision,
  isOfSdk: boolean | undefined,
): Rendered => {
  if (!edits.length) return group ? "default" : "timeout";
  const isLate = isOfSdk && isSeen(element);
  if (isLate && options.late !== "swap") return "late";
  const rendered = swap(element, edits);
  if (isLate && rendered === "swapped") element.animate({ opacity: [0, 1] }, FADE_MILLISECONDS);
  return rendered;
};

/**
 * Shows a decision in an element, as its markup describes.
 *
 * By default, it swaps the content even if it was seen. The SDK itself does not, and reports why.
 */
export const show = (element: HTMLElement, decision: Decision, isOfSdk?: boolean): Rendered => {
  const { decisionId, action, slots } = decision;
  const templates = [...element.querySelectorAll("template")];
  templates.forEach(moveIntoContent);
  const contents = (slots ?? [decision]).map((slot) => instantiate(templates, slot, !!slots));
  const slotElements = contents.map((content) => content?.firstElementChild);
  const edits = isComplete(contents)
    ? [{ _target: element, _value: [...contents, ...templates] }]
    : collectEdits(element, decision.payload);
  const rendered = showEdits(element, edits, decision, isOfSdk);

  const isShown = rendered === "swapped" || rendered === "default";
  if (isOfSdk && !isShown) reportNotShown(decision.placement, rendered);
  const outcome = decisionId && isShown ? { decisionId, action } : undefined;
  const hasSlots = slots && edits.length > 0;
  finish(element, { _placement: stateOf(element)._placement, _edits: edits }, hasSlots ? undefined : outcome);
  if (outcome && hasSlots) {
    slotElements.forEach((slotElement, slot) => {
      if (slotElement) finish(slotElement, {}, { ...outcome, slot, action: slots[slot]?.action ?? null });
    });
  }
  return rendered;
};
