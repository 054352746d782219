import type { Decision } from "./types.js";

/** The decision when there is no answer: show the default content. */
export const defaultDecision = (placement: string): Decision => ({
  placement,
  action: null,
  payload: {},
  source: "fallback",
});
