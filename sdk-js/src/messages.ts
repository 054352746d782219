import { attempt } from "./attempt.js";
import { context } from "./context.js";
import { emit } from "./emitter.js";
import { options } from "./options.js";
import { listen } from "./listen.js";
import { push } from "./queue.js";
import { randomId } from "./random.js";
import type { Message, Properties } from "./types.js";
import { become, ids, isKnown } from "./visitor.js";

export const track = (event: string, properties?: Properties): void => tell({ type: "track", event, properties });

export const page = (properties?: Properties): void =>
  tell({ type: "page", properties: { type: options.pageType, ...properties } });

export const identify = (userId: string | null, traits?: Properties): void => {
  become(userId);
  if (userId) tell({ type: "identify", traits });
};

export const reward = (decisionId: string, value: number, slot?: number): void =>
  track("$reward", { decisionId, value, slot });

/** Without consent, only what followed a decision is told: that is known by the decision, and needs nobody's name. */
const tell = (said: Pick<Message, "type"> & Partial<Message>): void => {
  // Nothing is counted before somebody looks at the page.
  if ((document as { prerendering?: boolean }).prerendering) return listen("prerenderingchange", () => tell(said));
  const isLinked = said.properties?.decisionId;
  if (!isKnown() && !isLinked) return;
  const message: Message = {
    ...said,
    messageId: randomId(),
    timestamp: new Date(),
    ...ids(),
    context: isLinked ? undefined : { ...context(), data: undefined, userAgent: navigator.userAgent },
  };
  const sent = options.beforeSend ? options.beforeSend(message) : message;
  // What JSON cannot hold is not told, and throws nothing into the page.
  if (sent) attempt(() => (push(sent), emit("event", sent)));
};
