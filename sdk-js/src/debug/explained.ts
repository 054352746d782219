import type { Decision } from "../types.js";

/** An action as the policy weighs it for this visitor; `refused` says why it does not show it. */
export interface Weighed {
  id: string;
  propensity: number | null;
  refused: "off" | "time" | "excluded" | "seen" | "condition" | null;
}

/** How a decision was made. */
export interface Explained {
  enabled: boolean;
  mode: "online" | "apprentice" | "frozen";
  modelAgeSeconds: number | null;
  actions: Weighed[];
}

/** What the server tells of it to who has a token for debugging. */
export const explained = (decision: Decision) => decision.debug as unknown as Explained | undefined;
