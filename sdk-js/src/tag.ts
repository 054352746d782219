import { edgewise } from "./client.js";
import { options } from "./options.js";
import type { Edgewise } from "./types.js";

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
const { edgewise: stub } = window;

// A page may have the tag twice; then the first one serves.
if (!stub || stub.q) {
  const calls = stub?.q ?? [];
  window.edgewise = edgewise;
  // The attributes have the options' names; numbers may be texts. A queued `init` adds to them.
  Object.assign(options, { endpoint: new URL(src).origin }, dataset, { manual: "manual" in dataset });
  if (calls[0]?.[0][0] != "init") edgewise.init({});
  for (const [args, settle] of calls) settle((edgewise as (...args: unknown[]) => unknown)(...args));
}
