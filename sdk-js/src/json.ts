import { attempt } from "./browser.js";

type Holder = { [key: string]: unknown };

/** JSON as the language defines it. Old libraries (Prototype.js) add a `toJSON` of their own to arrays and texts. */
export const toJson = (value: unknown): string =>
  JSON.stringify(value, function (this: Holder, key, converted) {
    const own = this[key];
    return typeof own === "object" && !Array.isArray(own) ? converted : own;
  });

/** The value of a JSON text, or undefined if it is none. */
export const parse = <Value>(text = ""): Value | undefined => attempt(() => JSON.parse(text));
