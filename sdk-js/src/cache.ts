import { read, write } from "./storage.js";
import type { Decision } from "./types.js";
import { mayStore } from "./visitor.js";

const KEY = "edgewise.c";
const DAY = 864e5;
const MOST = 30;

/** The last good answers by their questions: of this page and, with consent, of former ones. */
let answers: { [question: string]: Decision } | undefined;

const all = () => (answers ??= (mayStore() && read(KEY)) || {}) as NonNullable<typeof answers>;

/** Once there are many, the cache starts anew. */
export const remember = (question: string, decision: Decision): void => {
  if (Object.keys(all())[MOST]) answers = {};
  all()[question] = decision;
  write(KEY, answers);
};

export const lastGood = (question: string): Decision | undefined => {
  const decision = all()[question];
  return Date.now() - decision?.at! < DAY ? decision : undefined;
};

export const forgetDecisions = (): void => {
  answers = {};
};
