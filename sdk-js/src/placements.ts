import { decide, release } from "./decide.js";
import { emit } from "./emitter.js";
import { budget } from "./options.js";
import { render } from "./render.js";
import { isUnseen, lookFor } from "./seen.js";
import type { DecideOptions } from "./types.js";

/** The placement that each element was last asked about for. */
const asked = new WeakMap<Element, string>();

/** Deals with the placements in the markup: with those that are there, and with those that come. */
export const start = (token: string | null): void => {
  const go = () => {
    gather();
    release(token);
  };
  new MutationObserver(gather).observe(document, { childList: true, subtree: true, attributeFilter: ["data-edgewise"] });
  if (document.readyState == "loading") {
    document.addEventListener("DOMContentLoaded", go);
    // A page that comes slowly is not waited for: its first placements are on the screen already.
    setTimeout(go, budget() / 2);
  } else go();
  gather();
  hideUndecided();
};

const gather = () => document.querySelectorAll<HTMLElement>("[data-edgewise]").forEach(place);

const place = (element: HTMLElement) => {
  const { edgewise: name, edgewiseSlots, edgewiseExclude } = element.dataset;
  if (!name || asked.get(element) == name) return;
  asked.set(element, name);
  element.toggleAttribute(DONE, !isUnseen(element));
  lookFor(element);
  const wanted: DecideOptions = {};
  if (edgewiseSlots) wanted.slots = +edgewiseSlots;
  if (edgewiseExclude) wanted.exclude = edgewiseExclude.split(",");
  decide(name, wanted).then((decision) => {
    const rendered = render(element, decision, decision.group == "preview");
    element.toggleAttribute(DONE, true);
    emit("render", { element, decision, rendered });
  });
};

const DONE = "data-edgewise-done";

/** Only while an animation runs: should this script be stopped, the browser still shows everything in time. */
const hideUndecided = () => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`@keyframes edgewise{0%,to{visibility:hidden}}[data-edgewise]:not([${DONE}]){animation:edgewise ${budget()}ms}`);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
};
