import { callable } from "./callable.js";

export * from "./types.js";

const nothing = (): void => {};

/** What a server that renders pages gets in place of the SDK: nothing happens, and every decision is the default. */
export const edgewise = callable({
  init: nothing,
  decide: async (placement) => ({ placement, action: null, payload: {}, source: "fallback" }),
  render: () => "default",
  track: nothing,
  page: nothing,
  identify: nothing,
  reward: nothing,
  consent: nothing,
  on: () => nothing,
});
export const { init, decide, render, track, page, identify, reward, consent, on } = edgewise;

/** There is no consent platform on a server, and no visitor whose clicks could be captured. */
export const [tcf, consentMode, capture] = [nothing, nothing, nothing];
