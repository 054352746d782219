import { edgewise } from "./client.js";
import { options } from "./options.js";
import type { Edgewise } from "./types.js";

/** A call that the stub has kept, and the function that settles the promise the stub has returned for it. */
type Call = [args: Parameters<Edgewise>, settle: (value: unknown) => void];

interface Stub {
  q?: Call[];
}

// An element with the name `currentScript` would shadow the property. But it is not inside of a script, so this throws.
const { src, dataset, integrity } = (document.currentScript as Element).closest("script") as HTMLScriptElement;
const { edgewise: stub } = window as { edgewise?: Edgewise & Stub };

/**
 * Makes a call that the stub has kept. Asynchronous, so that a call that fails does not stop the next one.
 *
 * The result settles the stub's promise once it is there: the stub's own timeout still counts.
 */
const replay = async ([args, settle]: Call) => {
  const result = (edgewise as (...args: Parameters<Edgewise>) => unknown)(...args);
  (result as Partial<Promise<unknown>> | undefined)?.then?.(settle);
};

// The page may have the tag twice: then the first one stays. An element with the id `edgewise` does not count.
if (!stub?.init || stub.q) {
  const calls: Iterable<Call> & { push(call: Call): unknown } = stub?.q ?? [];
  // Read-only, so that a second stub does not overwrite it. Configurable, so that a script may declare the name.
  Object.defineProperty(window, "edgewise", { value: edgewise, writable: false, configurable: true });
  Object.assign(options, { endpoint: new URL(src).origin, integrity }, dataset);
  // The page's own options come first, since the first message must have them.
  for (const call of calls) if (call[0][0] === "init") replay(call);
  edgewise.init({});
  for (const call of calls) replay(call);
  // Pages may hold on to the stub and call it later.
  calls.push = replay;
}
