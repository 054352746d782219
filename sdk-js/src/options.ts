import type { Options } from "./types.js";

/** What the page has chosen; before `init` there are only defaults, and nothing is sent. */
export let options: Partial<Options> = {};

export const budget = (): number => options.budget ?? 200;

export const choose = (chosen: Options): void => {
  options = { endpoint: location.origin, ...chosen };
};
