import { options } from "./options.js";

const given: { [reason: string]: unknown } = {};

/** Writes one line to the console for each reason, and none after an error. The help page has a section for each. */
export const notice = (reason: string, subject: unknown): void => {
  if (!given.error && !given[reason])
    console.warn(`edgewise: default kept, ${reason}: ${subject} ${options.endpoint}/edgewise-help.html#${reason}`);
  given[reason] = true;
};

/** Runs a part of the SDK. What fails in it must not become an error of the page, and must not be silent. */
export const guard = (action: () => unknown): Promise<unknown> =>
  (async () => action())().catch((error) => notice("error", error));
