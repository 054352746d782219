import type { Edgewise, EdgewiseApi } from "./types.js";

type Methods = { [name in keyof EdgewiseApi]: (...args: unknown[]) => unknown };

/** Makes `edgewise("track", …)` do the same as `edgewise.track(…)`. */
export const callable = (api: EdgewiseApi): Edgewise => {
  const call = (method: keyof EdgewiseApi, ...args: unknown[]) => (api as Methods)[method](...args);
  return Object.assign(call, api) as Edgewise;
};
