import { context } from "./context.js";
import { emit } from "./emitter.js";
import { options } from "./options.js";
import { whenActivated } from "./page-life.js";
import { push } from "./queue.js";
import { randomId } from "./random.js";
import type { Message, Properties } from "./types.js";
import { become, ids, isKnown } from "./visitor.js";

export const track = (event: string, properties: Properties = {}): void =>
  // What followed a decision is known by the decision, and needs nobody's name.
  tell({ type: "track", event, properties }, !!properties.decisionId);

export const page = (properties?: Properties): void =>
  tell({ type: "page", properties: { type: options.context?.page?.type, ...properties } });

export const identify = (userId: string | null, traits?: Properties): void => {
  become(userId);
  if (userId) tell({ type: "identify", ...(traits && { traits }) });
};

export const reward = (decisionId: string, value: number, slot?: number): void =>
  outcome("$reward", decisionId, slot, value);

/** What followed a decision, or a slot of it. */
export const outcome = (event: string, decisionId: string, slot?: number, value?: number): void =>
  track(event, { decisionId, slot, value });

/** Nothing is counted before the page is looked at; without consent, only what followed decisions is told. */
const tell = (said: Pick<Message, "type"> & Partial<Message>, isLinked = false) =>
  whenActivated(() => {
    if (!isKnown() && !isLinked) return;
    const { data, ...rest } = context();
    const message: Message | null | undefined = {
      messageId: randomId(),
      timestamp: new Date().toISOString(),
      ...ids(),
      ...(isKnown() && { context: { ...rest, userAgent: navigator.userAgent } }),
      ...said,
    };
    const sent = options.beforeSend ? options.beforeSend(message) : message;
    if (!sent) return;
    push(sent);
    emit("event", sent);
  });
