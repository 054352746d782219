import type { ConsentState } from "./types.js";

/** What this page knows about consent. */
export const consent: {
  /** The visitor's answer. Undefined until there is one. */
  _state?: ConsentState | undefined;
  /** Undefined until the visitor has answered, or the server has applied the site's default. */
  _mayStore?: boolean | undefined;
} = {};

/** Whether requests may carry the visitor's ids. They do until there is an answer, but the ids stay in memory. */
export const mayIdentify = (): boolean => consent._mayStore !== false;
