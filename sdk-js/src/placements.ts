import { decide, release } from "./decide.js";
import { emit } from "./emitter.js";
import { listen } from "./listen.js";
import { look } from "./navigation.js";
import { options } from "./options.js";
import { render } from "./render.js";
import { DONE, isInSight, isUnseen, isVisible, spotOf, watch } from "./spots.js";

/** Deals with the placements in the markup: with those that are there, and with those that come. */
export const start = (): void => {
  new MutationObserver(gather).observe(document, { childList: true, subtree: true });
  gather();
  // A page that comes slowly is not waited for: its first placements are on the screen already.
  setTimeout(release, document.readyState == "loading" ? options.budget / 2 : 0);
  listen("DOMContentLoaded", release);
};

const gather = () => {
  look();
  document.querySelectorAll<HTMLElement>("[data-edgewise]").forEach(place);
};

const place = (element: HTMLElement) => {
  const { edgewise: name, edgewiseSlots, edgewiseExclude } = element.dataset;
  // A copy of what was decided already stays what it is.
  if (!name || (spotOf(element)._name ?? (element.hasAttribute(DONE) && name)) == name) return;
  const isDone = !isUnseen(element);
  watch(element, { _name: name, _isBare: isInSight(element) }, isDone);
  // Should this script be stopped, the browser still shows everything in time. What the stub hides has its time already.
  const veil = element.animate({ visibility: ["hidden", "hidden"] }, isVisible(element) && !isDone ? +options.budget || 0 : 0);
  decide(name, { slots: +edgewiseSlots! || undefined, exclude: edgewiseExclude?.split(",") }).then((decision) => {
    emit("render", { element, decision, rendered: render(element, decision, !!options.preview) });
    veil.cancel();
  });
};
