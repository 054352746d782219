import type { Options } from "./types.js";

/** Attributes of the tag are strings. Some of them have no counterpart in `init`. */
interface TagAttributes {
  manual?: boolean | string;
  integrity?: string;
  purposes?: string;
  types?: string;
}

/** The options of the page and its tag. Nothing is sent before `writeKey` is set. */
export const options: Partial<Omit<Options, "manual">> & TagAttributes & { budget: number } = {
  endpoint: "",
  budget: 1000,
};
