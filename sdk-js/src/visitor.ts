import { randomId } from "./random.js";
import { keys, read, remove, write } from "./storage.js";
import type { ConsentState } from "./types.js";

let said: ConsentState | undefined;
/** The server's word, where the visitor has said nothing: whether ids may be kept. */
let agreed: boolean | undefined;
let anonymousId: string | undefined;
let userId: string | undefined;

/** Global Privacy Control speaks for the visitor, whatever the page says. */
export const consent = (): ConsentState | undefined =>
  (navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl ? "denied" : said;

/** Whether this is somebody, and not just anybody. Before anything is said, ids live in memory. */
export const isKnown = (): boolean => consent() == "granted" || (!consent() && agreed != false);

export const mayStore = (): boolean => isKnown() && (consent() == "granted" || !!agreed);

/** Who the visitor is, as far as that may be told. */
export const ids = (): { anonymousId?: string; userId?: string } =>
  isKnown() ? { anonymousId: (anonymousId ??= randomId()), ...(userId && { userId }) } : {};

/** The server has answered a call that named the visitor: with the id, if that may be kept. */
export const answered = (id: unknown): void => {
  if (id === null) forget();
  agreed = id !== null;
  save();
};

/** What the page knows of consent, at its start or later. */
export const say = (state: ConsentState | undefined): void => {
  said = state;
  agreed = undefined;
  // Pending says nothing against what was stored before: the page waits for its consent banner.
  if (consent() == "denied" || (state && anonymousId && !isKnown())) forget();
  if (isKnown() && !anonymousId) load();
  save();
};

/** Null: the visitor has logged out, and whoever comes next is somebody else. */
export const become = (user: string | null): void => {
  if (!user) anonymousId = undefined;
  userId = user ?? undefined;
  save();
};

const load = () => {
  const stored = read("");
  if (!stored) return;
  ({ a: anonymousId, u: userId } = stored);
  said ??= stored.c;
  agreed = true;
};

const save = () => {
  if (mayStore()) write("", { a: ids().anonymousId, u: userId, c: said });
};

const forget = () => {
  anonymousId = userId = undefined;
  keys().forEach(remove);
};
