import type { DecideOptions, Decision, EdgewiseApi, Rendered } from "../types.js";
import { describeShown } from "./descriptions.js";
import type { Original } from "./original.js";

/** Where the markup has a placement. */
export interface Location {
  element: HTMLElement;
  original: Original;
}

/** Long enough for a slow connection, since only the staff of the site waits. */
const PREVIEW_TIMEOUT = 5000;

/** A placement of the page: its decision, and the action that is previewed instead. */
export class Placement {
  previewed: Decision | undefined;

  /** Without a location, the page's own code shows the decision. */
  constructor(
    readonly decision: Decision,
    readonly location?: Location,
    readonly rendered?: Rendered,
  ) {}

  get name(): string {
    return this.decision.placement;
  }

  get current(): Decision {
    return this.previewed ?? this.decision;
  }

  /** Whether the page keeps the default content, although another was decided. */
  get keepsDefault(): boolean {
    return !this.previewed && !!this.rendered && this.rendered !== "swapped" && this.rendered !== "default";
  }

  /** The ids of the actions that it shows, one for each slot. */
  get shown(): (string | null)[] {
    return this.keepsDefault ? [] : (this.current.slots ?? [this.current]).map(({ action }) => action);
  }

  /** What visitors see in it, in words. */
  get summary(): string {
    return this.keepsDefault ? `the default content (${this.rendered})` : describeShown(this.current);
  }

  get isOnPage(): boolean {
    return !this.location || this.location.element.isConnected;
  }

  /**
   * Shows an action, or null for the decided one.
   *
   * Returns the height in pixels that the action needs if the placement has less. Visitors would get the default then.
   */
  async preview(client: Pick<EdgewiseApi, "decide" | "render">, action: string | null): Promise<number | undefined> {
    if (!this.location) return undefined;
    const { element, original } = this.location;
    const decision =
      action === null ? this.decision : await client.decide(this.name, { ...optionsOf(element), action });
    if (action !== null && decision.group !== "preview") throw new Error(`The server did not show ${action}.`);
    // A decision that was not rendered for this page is not rendered after a preview either.
    const isShown = action !== null || this.rendered === "swapped";
    original.show(element, () => undefined);
    const available = element.getBoundingClientRect().height;
    original.show(element, (changed) => isShown && client.render(changed, decision));
    this.previewed = action === null ? undefined : decision;
    const needed = element.getBoundingClientRect().height;
    return needed > available ? needed : undefined;
  }
}

const optionsOf = ({ dataset: { edgewiseSlots, edgewiseExclude } }: HTMLElement): DecideOptions => ({
  timeout: PREVIEW_TIMEOUT,
  ...(edgewiseSlots && { slots: Number(edgewiseSlots) }),
  ...(edgewiseExclude && { exclude: edgewiseExclude.split(",") }),
});
