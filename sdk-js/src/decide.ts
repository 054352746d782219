import { consent } from "./consent.js";
import { getContext } from "./context.js";
import { debuggerLoaded } from "./debugger-loaded.js";
import { defaultDecision } from "./default-decision.js";
import { emit } from "./emitter.js";
import { notice } from "./notice.js";
import { options } from "./options.js";
import { post } from "./post.js";
import { loadStored } from "./queue.js";
import { read, write } from "./storage.js";
import type { DecideOptions, Decision } from "./types.js";
import { applyServerAnswer, getIds } from "./visitor.js";

/** A decision as the server sends it. Anything else (from a broken proxy, for example) counts as no answer. */
type Answer = Omit<Decision, "source"> | null | undefined;

interface Pending {
  /** The placement as the request names it. */
  _request: { id: string };
  /** Handles the answer, or its absence. */
  _settle: (answer?: Answer) => void;
}

const CACHE_PREFIX = "edgewise.c.";
/** The server accepts as many in one request. */
const MAX_PLACEMENTS = 50;
const MAX_CACHE_AGE = 24 * 60 * 60 * 1000;

const pending: Pending[] = [];
let isSending = false;

const accept = (answer: NonNullable<Answer>): Decision => {
  if (answer.decisionId) write(CACHE_PREFIX + answer.placement, { ...answer, at: Date.now(), source: "cache" });
  return { ...answer, source: answer.group === "fallback" ? "fallback" : "policy" };
};

const fallBack = (placement: string): Decision => {
  const cached = consent._mayStore && read<Decision>(CACHE_PREFIX + placement);
  return cached && Date.now() - (cached.at as number) < MAX_CACHE_AGE ? cached : defaultDecision(placement);
};

export const decide = (
  placement: string,
  { timeout = options.budget, context, ...request }: DecideOptions = {},
): Promise<Decision> => {
  options.context = { ...options.context, ...context };
  const promise = new Promise<Decision>((resolve) => {
    // An answer that comes after the timeout changes only the cache.
    const settle = (answer?: Answer) => resolve(answer?.placement === placement ? accept(answer) : fallBack(placement));
    pending.push({ _request: { id: placement, ...request }, _settle: settle });
    Promise.resolve(debuggerLoaded).then(() => setTimeout(settle, timeout));
    // The first call of a turn sends the request for all calls of this turn.
    if (isSending && pending.length === 1) setTimeout(send);
  });
  promise.then((decision) => emit("decision", decision));
  return promise;
};

/** Sends what has been asked for so far. Later calls are sent at the end of their turn. */
export const startSending = (): void => {
  if (!isSending) send();
  isSending = true;
};

const send = async () => {
  const sent = pending.splice(0, MAX_PLACEMENTS);
  // Without a placement the request still has a purpose: to learn whether the visitor's id may be stored.
  if (!sent.length && consent._mayStore !== undefined) return;
  try {
    await debuggerLoaded;
    const response = post("decide", {
      ...getIds(),
      placements: sent.map(({ _request }) => _request),
      context: getContext(),
      preview: options.preview,
    });
    if (pending.length) send();
    const body = await (await response).json();
    if (body.error) notice("error", body.error.message);
    applyServerAnswer(body);
    // The answer may have allowed storage.
    loadStored();
    for (const { _settle } of sent) _settle(body.decisions.shift());
  } catch {
    for (const { _settle } of sent) _settle();
  }
};
