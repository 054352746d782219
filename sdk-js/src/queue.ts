import { cancel } from "./cancel.js";
import { listen } from "./listen.js";
import { post } from "./post.js";
import { randomId } from "./random.js";
import { keys, read, remove, write } from "./storage.js";
import type { Message } from "./types.js";
import { isKnown, mayStore } from "./visitor.js";

const PREFIX = "edgewise.q.";
const MOST_STORED = 4e5;
const WEEK = 7 * 864e5;

/** Where this page has left what is not acknowledged. */
let own = PREFIX + randomId();
/** What is not acknowledged, oldest first; those that are being sent stand at the front. */
let waiting: Message[] = [];
let flying = 0;
let maxBytes = 4e4;
let failures = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

export const push = (message: Message): void => {
  while (bytes([...waiting, message]) > MOST_STORED && waiting[0]) waiting.shift();
  waiting.push(message);
  if (document.hidden) leave();
  else if (waiting[19] && !failures) flush();
  else timer ??= setTimeout(flush, 1000);
};

export const start = (): void => {
  // Maybe for good: it is the last moment at which anything is sure to run.
  listen("visibilitychange", () => document.hidden && leave());
  listen("online", flush);
  adopt();
};

/** What former pages left: theirs is removed once it is kept as ours. The server drops what arrived after all. */
export const adopt = (): void => {
  if (!mayStore()) return;
  for (const key of keys(PREFIX)) {
    if (key == own) continue;
    const left = [].concat(read(key)).filter((one?: Message) => Date.now() - Date.parse(one?.timestamp as string) < WEEK);
    // Several pages may have taken what one had left: were it kept twice each time, it would soon be too much to keep.
    waiting.push(...left.filter((one: Message) => !waiting.some(({ messageId }) => messageId == one.messageId)));
    leave();
    remove(key);
  }
};

const leave = () => {
  save();
  flush();
};

const bytes = (messages: Message[]) => new Blob([JSON.stringify(messages)]).size;

/** Under a new key each time: another page may be about to remove the former one, whose content it has read. */
const save = () => {
  const former = own;
  own = PREFIX + randomId();
  if (waiting[0]) write(own, waiting);
  remove(former);
};

/** One batch at a time; but when the page goes, there may be no other time. */
const flush = () => {
  timer = cancel(timer);
  // Without consent, what names the visitor is not sent any more.
  waiting = waiting.filter((message) => isKnown() || !message.anonymousId);
  let batch = waiting.slice(flying);
  if (!batch[0] || (flying && !document.hidden)) return;
  while (batch[1] && bytes(batch) > maxBytes) batch = batch.slice(0, batch.length / 2);
  flying += batch.length;
  // What outlives its page shares one small allowance, which may be used up: the next try goes without.
  post("batch", { batch, sentAt: new Date() }, failures % 2 == 0)
    .catch((): Partial<Response> => ({}))
    .then(({ status, headers }) => {
      flying -= batch.length;
      if (status == 413 && batch[1]) {
        maxBytes = bytes(batch) / 2;
        flush();
      } else if (/^2|40[013]|41[03]|422/.test(`${status}`)) {
        waiting = waiting.filter((message) => !batch.includes(message));
        failures = 0;
        save();
        flush();
      } else {
        const pause = Math.min(2 ** failures++, 60) * (0.5 + Math.random());
        timer = setTimeout(flush, Math.max(pause, (headers?.get("retry-after") ?? 0) as number) * 1000);
      }
    });
};
