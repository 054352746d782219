import { isHidden, onHide } from "./page-life.js";
import { post } from "./post.js";
import { randomId } from "./random.js";
import { keys, read, remove, write } from "./storage.js";
import type { Message } from "./types.js";
import { isKnown, mayStore } from "./visitor.js";

const PREFIX = ".q.";
const KEEP = 500;
const MAX_BYTES = 40_000;
const WEEK = 7 * 864e5;

/** Where this page leaves what was not acknowledged when it went. */
const own = PREFIX + randomId();
let waiting: Message[] = [];
let flying: Message[] = [];
let most = KEEP;
let failures = 0;
let timer: ReturnType<typeof setTimeout> | undefined;
let isSaved = false;

export const push = (message: Message): void => {
  waiting.push(message);
  if (waiting.length > KEEP) waiting.shift();
  if (waiting.length == 20 || isHidden()) flush();
  else timer ??= setTimeout(flush, 1000);
};

/** Nothing that names the visitor is sent any more. */
export const purge = (): void => {
  if (isKnown()) return;
  waiting = waiting.filter((message) => !message.anonymousId);
  flying = [];
};

export const start = (): void => {
  adopt();
  onHide(() => {
    save();
    flush();
  });
  addEventListener("online", flush);
};

/** What former pages left: theirs is removed once it is kept as ours. The server drops what arrived after all. */
const adopt = () => {
  if (!mayStore()) return;
  const left = keys().filter((key) => key.startsWith(PREFIX));
  for (const key of left) waiting.unshift(...(read(key) ?? []));
  if (left[0]) save();
  for (const key of left) remove(key);
  if (waiting[0]) flush();
};

const save = () => {
  isSaved = mayStore();
  if (!isSaved) return;
  const kept = [...flying, ...waiting].filter((message) => Date.now() - Date.parse(message.timestamp) < WEEK).slice(-KEEP);
  while (JSON.stringify(kept).length > 3e5) kept.shift();
  if (kept[0]) write(own, kept);
  else remove(own);
};

const flush = () => {
  clearTimeout(timer);
  timer = undefined;
  if (!waiting[0] || flying[0]) return;
  let size = 0;
  let count = 0;
  while (count < most && count < waiting.length && (size += JSON.stringify(waiting[count]).length) < MAX_BYTES) count++;
  flying = waiting.splice(0, count || 1);
  post("batch", { batch: flying, sentAt: new Date() }, true).then(
    ({ ok, status }) => (ok ? landed() : status == 413 ? halve() : status > 399 && status < 423 ? landed() : retry()),
    retry,
  );
};

const landed = () => {
  flying = [];
  most = KEEP;
  failures = 0;
  if (isSaved) save();
  flush();
};

const halve = () => {
  most = flying.length >> 1;
  if (most) waiting.unshift(...flying);
  flying = [];
  flush();
};

const retry = () => {
  waiting.unshift(...flying);
  flying = [];
  timer = setTimeout(flush, Math.min(2 ** failures++, 60) * (500 + Math.random() * 1000));
};
