import { listen } from "./browser.js";
import { consent, mayIdentify } from "./consent.js";
import { toJson } from "./json.js";
import { post } from "./post.js";
import { keysOf, read, remove, write } from "./storage.js";
import type { Message } from "./types.js";

const PREFIX = "edgewise.q.";
/** Sizes are characters of JSON. Browsers limit `localStorage` to about five million. */
const MAX_STORED_SIZE = 400_000;
/**
 * Browsers limit the bodies of keepalive requests to 64 KiB in total, and a character may take three bytes.
 * https://fetch.spec.whatwg.org/#http-network-or-cache-fetch
 */
const MAX_BATCH_SIZE = 20_000;
/** The server recognizes a visitor's last 64 messages, so a batch that is sent twice must be smaller than that. */
const MAX_BATCH_LENGTH = 30;
const FLUSH_DELAY = 1000;
/** After that many seconds, the pauses between attempts do not grow further. */
const MAX_BACKOFF = 60;

/** Messages that the server has not acknowledged, oldest first. The first `inFlight` of them are being sent. */
let waiting: Message[] = [];
let inFlight = 0;
let failures = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

export const push = (message: Message): void => {
  // Fails for a message that JSON cannot hold (`beforeSend` may return one), before it gets into the queue.
  while (sizeOf([...waiting, message]) > MAX_STORED_SIZE && waiting.length) discard(waiting.slice(0, 1));
  waiting.push(message);
  if (document.hidden) persistAndFlush();
  else scheduleFlush();
};

export const startQueue = (): void => {
  // The last event that browsers deliver reliably: https://developer.chrome.com/docs/web-platform/page-lifecycle-api
  listen("visibilitychange", () => {
    if (document.hidden) persistAndFlush();
  });
  listen("online", flush);
  // Another tab has sent or stored the message, or the visitor has withdrawn consent there.
  listen("storage", ({ key }) => {
    waiting = waiting.filter((message) => keyOf(message) !== key);
  });
  loadStored();
};

/** Takes over what earlier pages could not send. Two tabs may send the same message: the server drops duplicates. */
export const loadStored = (): void => {
  if (!consent._mayStore) return;
  // All tabs send in the same order, so that duplicates arrive while the server still recognizes them.
  for (const key of keysOf(PREFIX).sort()) {
    const message = read<Message>(key);
    if (message?.messageId && !waiting.some((other) => keyOf(other) === key)) waiting.push(message);
  }
  scheduleFlush();
};

/** A key for each message, so that no tab overwrites what another has stored. */
const keyOf = ({ messageId }: Message) => PREFIX + messageId;

const sizeOf = (messages: Message[]) => toJson(messages).length;

const scheduleFlush = () => {
  timer ??= setTimeout(flush, FLUSH_DELAY);
};

const persistAndFlush = () => {
  for (const message of waiting) write(keyOf(message), message);
  flush();
};

const discard = (messages: Message[]) => {
  waiting = waiting.filter((message) => !messages.includes(message));
  for (const message of messages) remove(keyOf(message));
};

const nextBatch = () => {
  let batch = waiting.slice(inFlight, inFlight + MAX_BATCH_LENGTH);
  while (batch.length > 1 && sizeOf(batch) > MAX_BATCH_SIZE) batch = batch.slice(0, batch.length / 2);
  return batch;
};

/** Success, and errors that every further attempt with the same batch would meet again. */
const FINAL = /^(2..|40[0-2]|41[0-3]|42[0-2])$/;

/**
 * Whether the server has taken the batch, or will never take it.
 *
 * All other errors are retried, since they may pass: a firewall or a proxy in between answers 403 or 404, or the server
 * is busy (408, 429) or down (5xx).
 */
const isFinal = (status: number) => FINAL.test(`${status}`);

/** Exponential backoff, with jitter so that the visitors of a site do not come back all at once. */
const retryDelay = () => Math.min(2 ** failures++, MAX_BACKOFF) * (500 + 1000 * Math.random());

/** Sends one batch at a time. A page that is being hidden sends another, since it may get no later chance. */
const flush = async () => {
  clearTimeout(timer);
  timer = undefined;
  // Consent may have been withdrawn since the message was queued.
  waiting = waiting.filter((message) => mayIdentify() || !message.anonymousId);
  const batch = nextBatch();
  const { length } = batch;
  if (!length || (inFlight && !document.hidden)) return;
  inFlight += length;
  // Another request may have used up the browser's allowance for keepalive. So every other attempt goes without it.
  const keepalive = failures % 2 === 0;
  const status = await post("batch", { batch, sentAt: new Date().toISOString() }, keepalive).then(
    (response) => response.status,
    () => 0,
  );
  inFlight -= length;
  if (isFinal(status)) {
    discard(batch);
    failures = 0;
    flush();
  } else timer = setTimeout(flush, retryDelay());
};
