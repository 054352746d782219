import { isPrerendering, listen, randomId } from "./browser.js";
import { mayIdentify } from "./consent.js";
import { getContext } from "./context.js";
import { debuggerLoaded } from "./debugger-loaded.js";
import { emit } from "./emitter.js";
import { toJson } from "./json.js";
import { notice } from "./notice.js";
import { options } from "./options.js";
import { push } from "./queue.js";
import type { IdentifyOptions, Message, Properties } from "./types.js";
import { getIds, setUser } from "./visitor.js";

type Content = Pick<Message, "type" | "event" | "properties" | "traits">;

const enqueue = async (content: Content): Promise<void> => {
  // A prerendered page may never be shown to anybody.
  if (isPrerendering()) return listen("prerenderingchange", () => enqueue(content));
  // Without consent, only the outcomes of decisions are sent. They name the decision, not the visitor.
  const isReport = content.event === NOT_SHOWN;
  const isOutcome = isReport || content.properties?.decisionId;
  if (!mayIdentify() && !isOutcome) return;
  const message: Message = copy({
    ...content,
    messageId: randomId(),
    timestamp: new Date().toISOString(),
    ...(!isReport && getIds()),
    context: isOutcome ? undefined : { ...getContext(), data: undefined },
  });
  // The queue must have the message before the page closes, so there is no needless pause.
  if (debuggerLoaded) await debuggerLoaded;
  const sent = options.beforeSend ? await options.beforeSend(message) : message;
  if (sent) {
    push(sent);
    emit("event", sent);
  }
};

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

const NOT_SHOWN = "$notShown";

/** Reports that a placement keeps its default. The report names no visitor. */
export const reportNotShown = (placement: string, reason: string): void => {
  track(NOT_SHOWN, { placement, reason });
  notice(reason, placement);
};

/** The page may change its objects after the call. */
const copy = <Value>(value: Value): Value => JSON.parse(toJson(value));
