import type { Edgewise, EdgewiseApi } from "./types.js";

/** The methods, which may also be called by their names. */
export const callable = (api: EdgewiseApi): Edgewise =>
  Object.assign((method: keyof EdgewiseApi, ...args: unknown[]) => (api[method] as (...args: unknown[]) => any)(...args), api);
