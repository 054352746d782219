import { read, write } from "./storage.js";
import type { Decision } from "./types.js";
import { mayStore } from "./visitor.js";

const KEY = "edgewise.c";
const DAY = 864e5;
const MOST = 30;

/** The last good answers by their questions: of this page and, with consent, of former ones. */
let answers: { [question: string]: Decision } | undefined;

/** The last good answer to a question: this one, if there is one. Once there are many, the cache starts anew. */
export const lastGood = (question: string, answer?: Decision): Decision | undefined => {
  answers ??= ((mayStore() && read(KEY)) || {}) as NonNullable<typeof answers>;
  if (answer) {
    if (Object.keys(answers)[MOST]) answers = {};
    answers[question] = answer;
    write(KEY, answers);
  }
  const last = answers[question];
  return Date.now() - last?.at! < DAY ? last : undefined;
};

export const forgetDecisions = (): void => {
  answers = {};
};
