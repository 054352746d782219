import { context } from "./context.js";
import { emit } from "./emitter.js";
import { options } from "./options.js";
import { listen } from "./listen.js";
import { push } from "./queue.js";
import { randomId } from "./random.js";
import type { Message, Properties } from "./types.js";
import { become, ids, isKnown } from "./visitor.js";

export const track = (event: string, properties?: Properties): Promise<void> => tell({ type: "track", event, properties });

export const page = (properties?: Properties): Promise<void> =>
  tell({ type: "page", properties: { type: options.pageType, ...properties } });

export const identify = (userId: string | null, traits?: Properties): void => {
  become(userId);
  if (userId) tell({ type: "identify", traits });
};

export const reward = (decisionId: string, value: number, slot?: number): Promise<void> =>
  track("$reward", { decisionId, value, slot });

/** What is told waits for this: for the debugger, where somebody looks behind the scenes. */
let ready: Promise<unknown> | undefined;

export const waitFor = (promise: Promise<unknown>): void => {
  ready = promise;
};

/** As it is now: the page may go on to change what it has handed over. */
const copy = <T>(value: T) => JSON.parse(JSON.stringify(value));

/** Without consent, only what followed a decision is told: that is known by the decision, and needs nobody's name. */
const tell = async (said: Pick<Message, "type"> & Partial<Message>): Promise<void> => {
  // Nothing is counted before somebody looks at the page.
  if ((document as { prerendering?: boolean }).prerendering) return listen("prerenderingchange", () => tell(said));
  const isLinked = said.properties?.decisionId;
  if (!isKnown() && !isLinked) return;
  const message: Message = copy({
    ...said,
    messageId: randomId(),
    timestamp: new Date(),
    ...ids(),
    context: isLinked ? undefined : { ...context(), data: undefined },
  });
  if (ready) await ready;
  const sent = options.beforeSend ? await options.beforeSend(message) : message;
  if (sent) {
    push(sent);
    emit("event", sent);
  }
};
