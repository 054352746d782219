export * from "./types.js";

import { edgewise } from "./client.js";

export { edgewise };
export const { init, decide, render, track, page, identify, reward, consent, on } = edgewise;
