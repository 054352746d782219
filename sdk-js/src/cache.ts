import { read, write } from "./storage.js";
import type { Decision } from "./types.js";
import { mayStore } from "./visitor.js";

const KEY = ".c";
const DAY = 864e5;
const KEEP = 30;

type Entry = [question: string, at: number, decision: Decision];

/** The last good answers: of this page and, with consent, of former ones. */
let entries: Entry[] | undefined;

const all = () => (entries ??= (mayStore() && read(KEY)) || []) as Entry[];

export const remember = (question: string, decision: Decision): void => {
  entries = [[question, Date.now(), decision] as Entry, ...all().filter(([asked]) => asked != question)].slice(0, KEEP);
  if (mayStore()) write(KEY, entries);
};

export const lastGood = (question: string): Decision | undefined =>
  all().find(([asked, at]) => asked == question && Date.now() - at < DAY)?.[2];

export const forgetDecisions = (): void => {
  entries = [];
};
