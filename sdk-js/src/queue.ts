import { cancel } from "./cancel.js";
import { listen } from "./listen.js";
import { post } from "./post.js";
import { keys, read, remove, write } from "./storage.js";
import type { Message } from "./types.js";
import { isKnown, mayStore } from "./visitor.js";

const PREFIX = "edgewise.q.";
const MOST_STORED = 4e5;

/** What is not acknowledged, oldest first; those that are being sent stand at the front. */
let waiting: Message[] = [];
let flying = 0;
let failures = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Each message has a key of its own, so no page writes over what another has left. */
const keyOf = ({ messageId }: Message) => PREFIX + messageId;

export const push = (message: Message): void => {
  // What JSON cannot hold (a function of the page's may have made it) fails here, and does not get in.
  while (length([...waiting, message]) > MOST_STORED && waiting[0]) drop([waiting[0]]);
  waiting.push(message);
  if (document.hidden) leave();
  else soon();
};

export const start = (): void => {
  // Maybe for good: it is the last moment at which anything is sure to run.
  listen("visibilitychange", () => document.hidden && leave());
  listen("online", flush);
  // Another page has delivered it, or has just left it; or the visitor has taken back their consent there.
  listen("storage", ({ key }) => {
    waiting = waiting.filter((message) => keyOf(message) != key);
  });
  adopt();
};

/** What former pages left. The server drops what arrived after all, or what several pages send. */
export const adopt = (): void => {
  if (!mayStore) return;
  // The oldest first, as in all tabs: else each would send others again and again, and the server soon know none of them.
  for (const key of keys(PREFIX).sort()) {
    const left: Message | undefined = read(key);
    if (left?.messageId && !waiting.some((one) => keyOf(one) == key)) waiting.push(left);
  }
  soon();
};

const soon = () => (timer ??= setTimeout(flush, 1000));

const leave = () => {
  waiting.forEach((message) => write(keyOf(message), message));
  flush();
};

const drop = (gone: Message[]) => {
  waiting = waiting.filter((message) => !gone.includes(message));
  gone.forEach((message) => remove(keyOf(message)));
};

const length = (messages: Message[]) => JSON.stringify(messages).length;

/** One batch at a time; but when the page goes, there may be no other time. */
const flush = () => {
  timer = cancel(timer);
  // Without consent, what names the visitor is not sent any more.
  waiting = waiting.filter((message) => isKnown() || !message.anonymousId);
  // Few enough that the server, which knows a visitor's last 64, still knows them all should its answer be lost.
  let batch = waiting.slice(flying, flying + 30);
  if (!batch[0] || (flying && !document.hidden)) return;
  while (batch[1] && length(batch) > 2e4) batch = batch.slice(0, batch.length / 2);
  flying += batch.length;
  // What outlives its page shares one small allowance, which may be used up: the next try goes without.
  post("batch", { batch, sentAt: new Date() }, failures % 2 == 0)
    .catch((): Partial<Response> => ({}))
    .then(({ status }) => {
      flying -= batch.length;
      if (/^2|4[0-2][0-2]|413/.test(status as any)) {
        drop(batch);
        failures = 0;
        flush();
      } else {
        // Ever longer, and not all at once.
        timer = setTimeout(flush, Math.min(2 ** failures++, 60) * (500 + 1000 * Math.random()));
      }
    });
};
