import { edgewise } from "./client.js";
import { options } from "./options.js";
import type { Edgewise } from "./types.js";

/** What the stub has kept until this script came: calls, each with what settles the promise that was given for it. */
interface Stub {
  q?: Call[];
}

type Call = [args: Parameters<Edgewise>, settle: (value: unknown) => void];

// Markup can take the name of a property of the document; it cannot be within a script.
const { src, dataset, integrity } = document.currentScript!.closest("script")!;
const { edgewise: stub } = window as { edgewise?: Edgewise & Stub };

/** In its own turn, so that a call that fails ends no other. Not locked to the answer: the stub's own time runs on. */
const serve = async ([args, settle]: Call) => (edgewise as (...args: unknown[]) => any)(...args)?.then?.(settle);

// A page may have the tag twice; then the first one serves. An element may have the name, too.
if (!stub?.init || stub.q) {
  const calls = stub?.q ?? [];
  // Not to be written over: a page may have the stub twice. But its scripts may have a variable of this name.
  Object.defineProperty(window, "edgewise", { value: edgewise, writable: false, configurable: true });
  // The attributes have the options' names; numbers may be texts. A queued `init` adds to them.
  Object.assign(options, { endpoint: new URL(src).origin, integrity }, dataset);
  calls.filter(([[method]]) => method == "init").map(serve);
  edgewise.init({});
  calls.map(serve);
  // Who has kept the stub goes on calling it.
  calls.push = serve as any;
}
