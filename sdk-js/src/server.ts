import { callable } from "./callable.js";
import { defaultDecision } from "./default-decision.js";

export * from "./types.js";

const noop = (): void => {};

/** What servers that render pages import in place of the SDK: it does nothing, and every decision is the default. */
export const edgewise = callable({
  init: noop,
  decide: async (placement) => defaultDecision(placement),
  render: () => "default",
  track: noop,
  page: noop,
  identify: noop,
  reward: noop,
  consent: noop,
  on: () => noop,
});
export const { init, decide, render, track, page, identify, reward, consent, on } = edgewise;

export const tcf = noop;
export const consentMode = noop;
export const capture = noop;
