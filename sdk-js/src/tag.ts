import { edgewise } from "./client.js";
import type { ConsentState, Edgewise } from "./types.js";

/** What the stub has kept until this script came: calls, each with what settles the promise that was given for it. */
interface Stub {
  q?: [args: Parameters<Edgewise>, settle: (value: unknown) => void][];
}

declare global {
  interface Window {
    edgewise?: Edgewise & Stub;
  }
}

const { src, dataset } = document.currentScript as HTMLScriptElement;
const { writeKey, endpoint, budget, consent, pageType, manual } = dataset;
const calls = window.edgewise?.q ?? [];

window.edgewise = edgewise;
if (writeKey) {
  edgewise.init({
    writeKey,
    endpoint: endpoint ?? new URL(src).origin,
    budget: budget ? +budget : undefined,
    consent: consent as ConsentState | undefined,
    context: { page: { type: pageType } },
    manual: manual != undefined,
  });
}
for (const [[method, ...args], settle] of calls) settle((edgewise[method] as (...args: unknown[]) => unknown)(...args));
