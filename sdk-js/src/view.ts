import { outcome } from "./messages.js";
import { isHidden } from "./page-life.js";

/** A decision, or a slot of it, that an element shows. */
interface Shown {
  _decisionId: string;
  _slot: number | undefined;
  _isInView?: boolean;
  _isClicked?: boolean;
  _timer?: ReturnType<typeof setTimeout>;
}

/** By element, for as long as it is on the page. */
const shown = new WeakMap<Element, Shown>();
const unviewed = new Map<Element, Shown>();

/** From now on, the element is what was decided: whether it is viewed and clicked is reported, each once. */
export const watch = (element: Element, decisionId: string, slot?: number): void => {
  const one = { _decisionId: decisionId, _slot: slot };
  shown.set(element, one);
  unviewed.set(element, one);
  observer.observe(element);
};

export const click = (target: Element): void => {
  if (!target.closest("a,button,[role=button],[data-edgewise-click]")) return;
  for (let element: Element | null = target; element; element = element.parentElement) {
    const one = shown.get(element);
    if (!one) continue;
    if (!one._isClicked) outcome("$click", one._decisionId, one._slot);
    one._isClicked = true;
    return;
  }
};

/** The Media Rating Council's rule: half of the pixels (of a large one 30%), for one continuous second, in a visible tab. */
const observer = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting, intersectionRatio, boundingClientRect: box } of entries) {
      const one = unviewed.get(target);
      if (!one) continue;
      const share = box.width * box.height < 242_500 ? 0.5 : 0.3;
      // Of what is taller than the window, no more than that can be in it; steps of a percent may just miss it.
      one._isInView = isIntersecting && intersectionRatio >= Math.min(share, innerHeight / box.height - 0.01);
      count(one, target);
    }
  },
  { threshold: Array.from({ length: 101 }, (_, percent) => percent / 100) },
);

const count = (one: Shown, element: Element) => {
  if (!one._isInView || isHidden()) {
    clearTimeout(one._timer);
    delete one._timer;
  } else {
    one._timer ??= setTimeout(() => {
      unviewed.delete(element);
      observer.unobserve(element);
      outcome("$impression", one._decisionId, one._slot);
    }, 1000);
  }
};

document.addEventListener("visibilitychange", () => unviewed.forEach(count));
