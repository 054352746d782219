import { attempt } from "./attempt.js";
import { mayStore } from "./visitor.js";

/** Where storage is switched off, the page has a memory of its own. */
const store: { [key: string]: string } = attempt(() => localStorage) ?? {};

/** What is stored; undefined if nothing is, or nonsense. */
export const read = (key: string): any => attempt(() => JSON.parse(store[key]!));

/** Nothing without consent, nor where storage is full. */
export const write = (key: string, value: unknown): void => {
  attempt(() => mayStore && (store[key] = JSON.stringify(value)));
};

export const keys = (prefix: string): string[] => Object.keys(store).filter((key) => key.startsWith(prefix));

/** Removes all whose keys begin like this. */
export const remove = (prefix: string): void => keys(prefix).forEach((key) => delete store[key]);
