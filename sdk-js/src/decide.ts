import { lastGood, remember } from "./cache.js";
import { context } from "./context.js";
import { emit } from "./emitter.js";
import { budget } from "./options.js";
import { post } from "./post.js";
import type { Context, DecideOptions, Decision, Slot } from "./types.js";
import { answered, ids } from "./visitor.js";

/** A question, as it is sent, and those who wait for its answer. */
interface Question {
  _body: { id: string };
  _waiting: ((decision: Decision | undefined) => void)[];
}

let questions: { [text: string]: Question } = {};
let said: Context = {};
let isHeld = true;
let preview: string | null = null;

export const decide = (placement: string, { timeout = budget(), context: more, ...wanted }: DecideOptions = {}): Promise<Decision> =>
  new Promise((resolve) => {
    const body = { id: placement, ...wanted };
    const text = JSON.stringify(body);
    const settle = (decision?: Decision) => {
      clearTimeout(timer);
      const former = decision ?? lastGood(text);
      const source = decision ? (decision.group == "fallback" ? "fallback" : "policy") : former ? "cache" : "fallback";
      const made = { ...nothing(placement), ...former, source } as Decision;
      resolve(made);
      emit("decision", made);
    };
    const timer = setTimeout(settle, timeout);
    said = { ...said, ...more, page: { ...said.page, ...more?.page }, data: { ...said.data, ...more?.data } };
    (questions[text] ??= ask(body))._waiting.push(settle);
  });

/** From now on, what is asked for in one turn is sent at its end. */
export const release = (token: string | null): void => {
  preview = token;
  isHeld = false;
  send();
};

const ask = (body: { id: string }): Question => {
  if (!isHeld) Promise.resolve().then(send);
  return { _body: body, _waiting: [] };
};

const send = () => {
  const asked = Object.entries(questions);
  if (!asked[0]) return;
  questions = {};
  const named = ids();
  post("decide", { ...named, placements: asked.map(([, { _body }]) => _body), context: context(said), preview })
    .then((response) => response.json())
    .then((answer) => {
      if (named.anonymousId) answered(answer.anonymousId);
      asked.forEach(([text, { _body, _waiting }], i) => {
        const decision = answer.decisions[i];
        const isGood = isSound(decision, _body.id);
        if (isGood && decision.decisionId) remember(text, decision);
        _waiting.forEach((settle) => settle(isGood ? decision : undefined));
      });
    })
    .catch(() => asked.forEach(([, { _waiting }]) => _waiting.forEach((settle) => settle(undefined))));
};

/** Whether this is an answer to the question, and not what a broken proxy or a foreign server says. */
const isSound = (found: any, placement: string): found is Decision =>
  found?.placement == placement && (found.slots ?? [found]).every((slot: Slot) => slot.action === null || typeof slot.action == "string");

const nothing = (placement: string): Omit<Decision, "source"> => ({
  placement,
  decisionId: null,
  action: null,
  payload: {},
  propensity: null,
  group: "fallback",
  policyVersion: null,
  modelVersion: null,
});
