import type { Options } from "./types.js";

/** What the page has chosen, and its tag's `data-…` attributes; before `init` there are only defaults, and nothing is sent. */
export const options: Partial<Options> & { budget: number; integrity?: string; purposes?: string; types?: string } = {
  endpoint: "",
  budget: 200,
};
