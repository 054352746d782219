import { attempt } from "./browser.js";
import { consent } from "./consent.js";
import { parse, toJson } from "./json.js";

/** If the browser blocks `localStorage`, values live as long as the page. */
const store: { [key: string]: string } = attempt(() => localStorage) ?? {};

/** The stored value, or undefined if there is none or it is not JSON. */
export const read = <Value>(key: string): Value | null | undefined => parse(store[key]);

/** Stores a value if the visitor allows it. Does nothing if the storage is full. */
export const write = (key: string, value: unknown): void => {
  if (!consent._mayStore) return;
  attempt(() => {
    store[key] = toJson(value);
  });
};

export const remove = (key: string): void => {
  delete store[key];
};

/** All keys with this prefix. */
export const keysOf = (prefix: string): string[] => Object.keys(store).filter((key) => key.startsWith(prefix));
