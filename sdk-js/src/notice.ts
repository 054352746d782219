import { options } from "./options.js";

const given: { [reason: string]: boolean } = {};

/** Writes one line to the console for each reason. The help page has a section for it. */
export const notice = (reason: string, subject: unknown): void => {
  if (!given[reason])
    console.warn(
      `edgewise: ${subject} keeps its default (${reason}). ${options.endpoint}/edgewise-help.html#${reason}`,
    );
  given[reason] = true;
};

/** Runs a part of the SDK. What fails in it must not become an error of the page, and must not be silent. */
export const guard = (action: () => unknown): Promise<unknown> =>
  (async () => action())().catch((error) => notice("error", error));
