import { listen } from "./browser.js";
import { debuggerLoaded } from "./debugger-loaded.js";
import { decide, startSending } from "./decide.js";
import { DONE_ATTRIBUTE, stateOf } from "./element-state.js";
import { emit } from "./emitter.js";
import { observe } from "./impressions.js";
import { checkRoute, decisions } from "./navigation.js";
import { guard } from "./notice.js";
import { options } from "./options.js";
import { show } from "./render.js";
import { isInSight, isSeen, isVisible } from "./visibility.js";

/** Another script may undo each rendering at once. After as many, the page gets a pause, since the server is asked. */
const MAX_RENDERINGS = 99;
let renderings = 0;

/** A copy of a filled element (in a carousel, for example) has the mark but no state. It stays as it is. */
const isFilled = (element: HTMLElement, placement: string) => {
  const { _placement } = stateOf(element);
  return _placement ? _placement === placement : element.hasAttribute(DONE_ATTRIBUTE);
};

const fill = async (element: HTMLElement) => {
  const { edgewise: placement, edgewiseSlots, edgewiseExclude } = element.dataset;
  if (!placement || isFilled(element, placement)) return;
  const mayBeSeen = isSeen(element);
  observe(element, { _placement: placement, _wasInSight: isInSight(element) });
  element.toggleAttribute(DONE_ATTRIBUTE, mayBeSeen);
  // An element that the stub hides needs no second animation, unless the debugger delays the decision.
  const mustHide = !mayBeSeen && (isVisible(element) || debuggerLoaded);
  // The browser itself ends the animation, so the default content appears in time even if this script is stopped.
  const veil = element.animate({ visibility: ["hidden", "hidden"] }, mustHide ? Number(options.budget) || 0 : 0);
  const key = `${[placement, edgewiseSlots, edgewiseExclude]}`;
  if (++renderings % MAX_RENDERINGS === 0) delete decisions[key];
  decisions[key] ??= decide(placement, {
    slots: Number(edgewiseSlots) || undefined,
    exclude: edgewiseExclude?.split(","),
  });
  const decision = await decisions[key];
  emit("render", { element, decision, rendered: show(element, decision, true) });
  veil.cancel();
};

const fillAll = () =>
  guard(() => Promise.all([...document.querySelectorAll<HTMLElement>("[data-edgewise]")].map(fill)));

/** Decides and renders the placements in the markup, also those that are added later. */
export const startPlacements = (): void => {
  const observer = new MutationObserver(() => {
    checkRoute();
    fillAll();
  });
  observer.observe(document, { childList: true, subtree: true });
  fillAll();
  // One request for all placements of the document. But a slow document must not use up the budget of the first ones.
  setTimeout(startSending, document.readyState === "loading" ? options.budget / 10 : 0);
  listen("DOMContentLoaded", () => {
    // Chromium may fire this event before it reports the last elements that it parsed.
    fillAll();
    startSending();
  });
};
