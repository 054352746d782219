import type { Decision, DecideOptions, EdgewiseApi, Rendered } from "../types.js";
import type { Original } from "./original.js";

/** Where a placement stands on the page, and as what its page wrote it. */
export interface Place {
  element: HTMLElement;
  original: Original;
}

/** One placement: what was decided for it, and what it shows now. Without a place, the page's own code shows it. */
export class Spot {
  /** What stands there instead, while an action is previewed. */
  previewed: Decision | undefined;

  constructor(
    readonly decision: Decision,
    readonly place?: Place,
    readonly rendered?: Rendered,
  ) {}

  get placement(): string {
    return this.decision.placement;
  }

  get now(): Decision {
    return this.previewed ?? this.decision;
  }

  /** The ids of the actions that stand there: in a row, one for each slot. */
  get shown(): (string | null)[] {
    return (this.now.slots ?? [this.now]).map(({ action }) => action);
  }

  get isThere(): boolean {
    return !this.place || this.place.element.isConnected;
  }

  /**
   * Show an action in place; null: what was decided for this visitor. Gives the height that the placement needs for it, where
   * that is more than it has: then no visitor would be shown it.
   */
  async show(client: Pick<EdgewiseApi, "decide" | "render">, action: string | null): Promise<number | undefined> {
    if (!this.place) return undefined;
    const { element, original } = this.place;
    const decision = action === null ? this.decision : await client.decide(this.placement, { ...asked(element), action });
    if (action !== null && decision.group !== "preview") throw new Error(`the server did not show ${action}`);
    // What was decided and never put in place is left out again.
    const isShown = action !== null || this.rendered === "swapped";
    original.show(element, () => undefined);
    const { height } = element.getBoundingClientRect();
    original.show(element, (changed) => isShown && client.render(changed, decision));
    this.previewed = action === null ? undefined : decision;
    const needed = element.getBoundingClientRect().height;
    return needed > height ? needed : undefined;
  }
}

/** As the markup asks for it, and with time for a slow line. */
const asked = ({ dataset: { edgewiseSlots, edgewiseExclude } }: HTMLElement): DecideOptions => ({
  timeout: 5000,
  ...(edgewiseSlots && { slots: Number(edgewiseSlots) }),
  ...(edgewiseExclude && { exclude: edgewiseExclude.split(",") }),
});
