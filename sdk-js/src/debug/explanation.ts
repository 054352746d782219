import type { Decision } from "../types.js";

/** An action as the policy rates it for this visitor. */
export interface RatedAction {
  id: string;
  propensity: number | null;
  /** Why the action is not eligible, or null if it is. */
  refused: "off" | "time" | "excluded" | "seen" | "condition" | null;
  /** What the model expects of it for this visitor, or null if it has no expectations. */
  expected?: Expected | null;
}

/** A reward with its 95% interval, and the probability that the action is the best one. */
interface Expected {
  reward: number;
  low: number;
  high: number;
  best: number;
}

/** What the model has learned from. */
export interface Learning {
  conversions: number;
  exploration: number;
  tasteChanges: number;
}

/** How the server made a decision. */
export interface Explanation {
  enabled: boolean;
  mode: "online" | "apprentice" | "frozen";
  modelAgeSeconds: number | null;
  learning?: Learning | null;
  actions: RatedAction[];
  /** Whether the page's user id counts. */
  user?: "proven" | "unproven" | "none";
}

/** The server explains decisions only to debug tokens. */
export const explanationOf = (decision: Decision) => decision.debug as unknown as Explanation | undefined;
