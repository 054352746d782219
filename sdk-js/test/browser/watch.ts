import type { Decision, Edgewise, Message, Rendering } from "../../src/types.js";

/** What a page has observed about itself. */
export interface Watched {
  /** The sum of layout shifts. In browsers without such entries, the pixels that elements after placements moved. */
  shift: number;
  shifts: unknown[];
  violations: string[];
  /** The different texts of each placement that were in sight. Without the stub, since the first reported paint. */
  seen: Record<string, string[]>;
  /** The events of the SDK. */
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

/** Runs in the page, before all other scripts. */
export function watch(): void {
  const watched: Watched = {
    shift: 0,
    shifts: [],
    violations: [],
    seen: {},
    decisions: [],
    rendered: {},
    messages: [],
  };
  window.watched = watched;
  window.pwned = [];
  document.addEventListener("securitypolicyviolation", (event) => {
    watched.violations.push(`${event.effectiveDirective}: ${event.blockedURI} ${event.sample} ${event.sourceFile}`);
  });
  // Listens as soon as the script replaces the stub, so that no event is missed.
  let edgewise: Edgewise & { q?: unknown } = window.edgewise;
  const listen = (value: typeof edgewise) => {
    value.on("decision", (decision) => watched.decisions.push(decision));
    value.on("event", (message) => watched.messages.push(message));
    value.on("render", ({ decision, rendered }) => {
      watched.rendered[decision.placement] = rendered;
    });
  };
  Object.defineProperty(window, "edgewise", {
    configurable: true,
    get: () => edgewise,
    set: (value: typeof edgewise) => {
      edgewise = value;
      hasStub ||= !!value.q;
      // The page may have set the name to something else.
      if ("init" in value && !value.q) listen(value);
    },
  });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as (PerformanceEntry & { value: number; sources?: { node?: Node }[] })[]) {
      watched.shift += entry.value;
      watched.shifts.push([entry.value, entry.sources?.map(({ node }) => (node as Element | null)?.outerHTML)]);
    }
  }).observe({ type: "layout-shift", buffered: true });
  const reportsShifts = PerformanceObserver.supportedEntryTypes.includes("layout-shift");
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
    // A hidden tab is not painted.
    if (document.visibilityState === "visible") {
      for (const element of document.querySelectorAll<HTMLElement>("[data-edgewise]")) {
        const placement = element.dataset.edgewise ?? "";
        watched.seen[placement] ??= [];
        const seen = watched.seen[placement];
        const text = element.innerText.trim();
        if (isDrawn() && inSight(element) && !seen.includes(text)) seen.push(text);
      }
    }
    if (!reportsShifts) document.querySelectorAll("[data-edgewise] ~ *").forEach(compare);
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}
