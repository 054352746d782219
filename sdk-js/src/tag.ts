import { edgewise } from "./client.js";
import { notice } from "./notice.js";
import { options } from "./options.js";
import type { Edgewise } from "./types.js";

/** A call that the stub has kept, and the function that settles the promise the stub has returned for it. */
type Call = [args: Parameters<Edgewise>, settle: (value: unknown) => void];

interface Stub {
  q?: Call[];
}

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

const TAG = "script[data-write-key],script[src*='/edgewise']";

// A module, or a script that a bundler has included, does not know its own element. An element with the name
// `currentScript` shadows the property, but it is not inside of a script.
const tag = document.currentScript?.closest<HTMLScriptElement>(TAG) ?? document.querySelector<HTMLScriptElement>(TAG);

// The page may have the tag twice: then the first one stays. An element or a frame may have the name.
if (typeof stub !== "function" || !stub.init || stub.q) {
  const calls: Iterable<Call> & { push(call: Call): unknown } = stub?.q ?? [];
  window.edgewise = edgewise;
  if (tag) {
    const { src, integrity, dataset } = tag;
    const { origin, searchParams } = new URL(src);
    const query = Object.fromEntries(searchParams);
    Object.assign(options, { endpoint: origin, integrity, writeKey: query.key }, query, dataset);
  }
  // The page's own options come first, since the first message must have them.
  for (const call of calls) if (call[0][0] === "init") replay(call);
  edgewise.init({});
  for (const call of calls) replay(call);
  // Pages may hold on to the stub and call it later.
  calls.push = replay;
  setTimeout(() => options.writeKey || notice("key", "page"), options.budget);
}
