import { cancel } from "./cancel.js";
import { listen } from "./listen.js";
import { onHide } from "./page-life.js";
import { post } from "./post.js";
import { randomId } from "./random.js";
import { keys, read, remove, write } from "./storage.js";
import type { Message } from "./types.js";
import { isKnown, mayStore } from "./visitor.js";

const PREFIX = "edgewise.q.";
const KEEP = 500;
const MOST = 50;
const WEEK = 7 * 864e5;

/** Where this page leaves what was not acknowledged when it went. */
const own = PREFIX + randomId();
/** What is not acknowledged, oldest first. */
let waiting: Message[] = [];
let isFlying = false;
let failures = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

export const push = (message: Message): void => {
  waiting = [...waiting, message].slice(-KEEP);
  if (document.hidden) leave();
  else if (waiting[19] && !failures) flush();
  else timer ??= setTimeout(flush, 1000);
};

export const start = (): void => {
  onHide(leave);
  listen("online", flush);
  adopt();
};

/** What former pages left: theirs is removed once it is kept as ours. The server drops what arrived after all. */
export const adopt = (): void => {
  if (!mayStore()) return;
  for (const key of keys(PREFIX)) {
    if (key == own) continue;
    waiting.push(...[].concat(read(key)).filter((one?: Message) => Date.now() - Date.parse(one?.timestamp!) < WEEK));
    save();
    remove(key);
  }
  flush();
};

const leave = () => {
  save();
  flush();
};

const save = () => {
  remove(own);
  if (waiting[0]) write(own, waiting);
};

/** One batch at a time; but when the page goes, there may be no other time, and sending twice does no harm. */
const flush = () => {
  timer = cancel(timer);
  // Without consent, what names the visitor is not sent any more.
  waiting = waiting.filter((message) => isKnown() || !message.anonymousId);
  if (!waiting[0] || (isFlying && !document.hidden)) return;
  isFlying = true;
  // What may outlive its page shares one small allowance: after a failure, each goes alone.
  const batch = waiting.slice(0, failures ? 1 : MOST);
  post("batch", { batch, sentAt: new Date() }, true)
    .then(({ status }) => status, () => 0)
    .then((status) => {
      isFlying = false;
      if (/^2|40[013]|410|422/.test(`${status}`) || (status == 413 && !batch[1])) {
        waiting = waiting.filter((message) => !batch.includes(message));
        failures = 0;
        save();
        flush();
      } else timer = setTimeout(flush, Math.min(2 ** failures++, 60) * (500 + Math.random() * 1000));
    });
};
