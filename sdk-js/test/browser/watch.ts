import type { Decision, Edgewise, Message, Rendering } from "../../src/types.js";

/** What a page did that no page may do, as the page itself saw it. Runs in the page, before all of its scripts. */
export interface Watched {
  /** All layout-shift entries, added up; where the browser has none, by how many pixels what follows placements has moved. */
  shift: number;
  shifts: unknown[];
  violations: string[];
  /**
   * By placement: the different texts that stood there, in sight, at some frame. Without the stub, only from the first
   * paint on that the browser has told of: before that nobody can know what is on the screen.
   */
  seen: Record<string, string[]>;
  /** What the SDK has told of. */
  decisions: Decision[];
  rendered: Record<string, Rendering["rendered"]>;
  messages: Message[];
}

declare global {
  interface Window {
    watched: Watched;
    /** Attack payloads call this when they run. */
    pwned: unknown[];
  }
}

export function watch(): void {
  const watched: Watched = { shift: 0, shifts: [], violations: [], seen: {}, decisions: [], rendered: {}, messages: [] };
  window.watched = watched;
  window.pwned = [];
  document.addEventListener("securitypolicyviolation", (event) => {
    watched.violations.push(`${event.effectiveDirective}: ${event.blockedURI} ${event.sample} ${event.sourceFile}`);
  });
  // Listened to from the moment that the script is there, so that nothing is missed; what stood there before is the stub.
  let edgewise: Edgewise & { q?: unknown } = window.edgewise;
  const listen = (value: typeof edgewise) => {
    value.on("decision", (decision) => watched.decisions.push(decision));
    value.on("event", (message) => watched.messages.push(message));
    value.on("render", ({ decision, rendered }) => {
      watched.rendered[decision.placement] = rendered;
    });
  };
  const define = Object.defineProperty;
  define(window, "edgewise", {
    configurable: true,
    get: () => edgewise,
    set: (value: typeof edgewise) => {
      edgewise = value;
      hasStub ||= !!value.q;
      // An element's name is no SDK.
      if ("init" in value && !value.q) listen(value);
    },
  });
  // The tag defines it for good; from then on it is none of ours.
  Object.defineProperty = (target, name, descriptor) => {
    if (target === window && name === "edgewise") {
      listen(descriptor.value as typeof edgewise);
      // As it is without the stub, and unwatched: it was not there.
      if (!hasStub) Reflect.deleteProperty(window, "edgewise");
    }
    return define(target, name, descriptor);
  };
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as (PerformanceEntry & { value: number; sources?: { node?: Node }[] })[]) {
      watched.shift += entry.value;
      watched.shifts.push([entry.value, entry.sources?.map(({ node }) => (node as Element | null)?.outerHTML)]);
    }
  }).observe({ type: "layout-shift", buffered: true });
  const tellsOfShifts = PerformanceObserver.supportedEntryTypes.includes("layout-shift");
  const tops = new Map<Element, number>();
  const compare = (element: Element): void => {
    const top = element.getBoundingClientRect().top + scrollY;
    const moved = Math.abs(top - (tops.get(element) ?? top));
    if (moved) watched.shifts.push([moved, [element.outerHTML]]);
    watched.shift += moved;
    tops.set(element, top);
  };
  let hasStub = false;
  const isDrawn = (): boolean => hasStub || performance.getEntriesByType("paint").length > 0;
  const inSight = (element: Element): boolean => {
    const box = element.getBoundingClientRect();
    const within = box.bottom > 0 && box.top < innerHeight && box.height > 0;
    return within && getComputedStyle(element).visibility === "visible";
  };
  const look = (): void => {
    // What stands there in a tab that is not painted has not been seen.
    if (document.visibilityState === "visible") {
      for (const element of document.querySelectorAll<HTMLElement>("[data-edgewise]")) {
        const seen = (watched.seen[element.dataset.edgewise ?? ""] ??= []);
        const text = element.innerText.trim();
        if (isDrawn() && inSight(element) && !seen.includes(text)) seen.push(text);
      }
    }
    if (!tellsOfShifts) document.querySelectorAll("[data-edgewise] ~ *").forEach(compare);
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}
