import { randomId } from "./random.js";
import { read, remove, write } from "./storage.js";
import type { ConsentState } from "./types.js";

const KEY = "edgewise";

/** Where the visitor has said nothing, it is the server that knows what the site makes of that: whether ids may be kept. */
const AGREED = 0;
const REFUSED = false;

let state: ConsentState | typeof AGREED | typeof REFUSED | undefined;
let anonymousId: string | undefined;
let userId: string | undefined;

/** What the visitor has said. */
export const consent = (): ConsentState | undefined => state || undefined;

export const mayStore = (): boolean => state === AGREED || state == "granted";

/** Whether nobody has said anything yet: neither the visitor nor, for them, the server. */
export const isOpen = (): boolean => state == undefined;

/** Whether this is somebody, and not just anybody. Until the server has answered, ids live in memory. */
export const isKnown = (): boolean => isOpen() || mayStore();

/** Who the visitor is, as far as that may be told. */
export const ids = (): { anonymousId?: string; userId?: string | undefined } =>
  isKnown() ? { anonymousId: (anonymousId ??= randomId()), userId } : {};

/** The server answers a call that named the visitor with the id, or with null if that may not be kept. */
export const answered = ({ anonymousId: id }: { anonymousId?: unknown }): void => {
  if (id === null && isKnown()) {
    forget();
    state = REFUSED;
  } else if (id == anonymousId) {
    state ??= AGREED;
    save();
  }
};

/** What the page knows of consent, at its start or later. Global Privacy Control speaks for the visitor, whatever that is. */
export const say = (said: ConsentState | undefined): void => {
  state = (navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl ? "denied" : said;
  // Pending says nothing against what is stored: the page waits for its consent banner.
  if (state == "denied" || (anonymousId && !isKnown())) forget();
  const stored = isKnown() && read(KEY);
  if (stored) {
    ({ anonymousId, userId } = stored);
    state ??= stored.consent as typeof state;
  }
  save();
};

/** Null: the visitor has logged out, and whoever comes next is somebody else, of whom nothing is known. */
export const become = (user: string | null): void => {
  if (user) userId = user;
  else forget();
  save();
};

const save = () => write(KEY, { ...ids(), consent: state });

const forget = () => {
  anonymousId = userId = undefined;
  remove(KEY);
};
