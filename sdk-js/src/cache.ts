import { read, write } from "./storage.js";
import type { Decision } from "./types.js";
import { mayStore } from "./visitor.js";

const PREFIX = "edgewise.c.";
const DAY = 864e5;

/** Keeps the last good answer for a placement, with consent, for when the server cannot be reached in time. */
export const remember = (decision: Decision): void =>
  write(PREFIX + decision.placement, { ...decision, at: Date.now(), source: "cache" });

export const lastGood = (placement: string): Decision | undefined => {
  const last = mayStore() && read(PREFIX + placement);
  return Date.now() - last?.at < DAY ? last : undefined;
};
