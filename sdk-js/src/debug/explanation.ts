import type { Decision } from "../types.js";

/** An action as the policy rates it for this visitor. */
export interface RatedAction {
  id: string;
  propensity: number | null;
  /** Why the action is not eligible, or null if it is. */
  refused: "off" | "time" | "excluded" | "seen" | "condition" | null;
}

/** How the server made a decision. */
export interface Explanation {
  enabled: boolean;
  mode: "online" | "apprentice" | "frozen";
  modelAgeSeconds: number | null;
  actions: RatedAction[];
  /** Whether the page's user id counts. */
  user?: "proven" | "unproven" | "none";
}

/** The server explains decisions only to debug tokens. */
export const explanationOf = (decision: Decision) => decision.debug as unknown as Explanation | undefined;
