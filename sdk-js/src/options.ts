import type { Options } from "./types.js";

/** What the page has chosen; before `init` there are only defaults, and nothing is sent. */
export const options: Partial<Options> & { budget: number } = { endpoint: "", budget: 200 };

/** Whoever has a token of the site's owner may look behind the scenes, and be shown what they want. */
export const token = new URLSearchParams(location.search).get("edgewise-debug");
