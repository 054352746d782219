import { isPrerendering, listen, randomId } from "./browser.js";
import { mayIdentify } from "./consent.js";
import { getContext } from "./context.js";
import { emit } from "./emitter.js";
import { options } from "./options.js";
import { push } from "./queue.js";
import type { IdentifyOptions, Message, Properties } from "./types.js";
import { getIds, setUser } from "./visitor.js";

type Content = Pick<Message, "type" | "event" | "properties" | "traits">;

export const track = (event: string, properties?: Properties): Promise<void> =>
  enqueue({ type: "track", event, properties });

export const page = (properties?: Properties): Promise<void> =>
  enqueue({ type: "page", properties: { type: options.pageType, ...properties } });

export const identify = (userId: string | null, traits?: Properties, { userHash }: IdentifyOptions = {}): void => {
  setUser(userId, userHash);
  if (userId) enqueue({ type: "identify", traits });
};

export const reward = (decisionId: string, value: number, slot?: number): Promise<void> =>
  track("$reward", { decisionId, value, slot });

let ready: Promise<unknown> | undefined;

/** Holds all messages back until the debugger has loaded, since the debugger drops them. */
export const waitFor = (promise: Promise<unknown>): void => {
  ready = promise;
};

const enqueue = async (content: Content): Promise<void> => {
  // A prerendered page may never be shown to anybody.
  if (isPrerendering()) return listen("prerenderingchange", () => enqueue(content));
  // Without consent, only the outcomes of decisions are sent. They name the decision, not the visitor.
  const isOutcome = !!content.properties?.decisionId;
  if (!mayIdentify() && !isOutcome) return;
  const message: Message = copy({
    ...content,
    messageId: randomId(),
    timestamp: new Date().toJSON(),
    ...getIds(),
    context: isOutcome ? undefined : { ...getContext(), data: undefined },
  });
  if (ready) await ready;
  const sent = options.beforeSend ? await options.beforeSend(message) : message;
  if (sent) {
    push(sent);
    emit("event", sent);
  }
};

/** The page may change its objects after the call. */
const copy = <Value>(value: Value): Value => JSON.parse(JSON.stringify(value));
