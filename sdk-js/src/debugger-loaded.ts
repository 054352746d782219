/** Set on pages with a debug token: resolves when the debugger has loaded, or could not be. */
export let debuggerLoaded: Promise<unknown> | undefined;

/** Holds decisions and messages back, since the debugger changes them. */
export const waitForDebugger = (promise: Promise<unknown>): void => {
  debuggerLoaded = promise.catch(() => {});
};
