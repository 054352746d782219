import { listen } from "./listen.js";
import { randomId } from "./random.js";
import { read, remove, write } from "./storage.js";
import type { ConsentState } from "./types.js";

const KEY = "edgewise";

/** What the visitor has said. */
export let consent: ConsentState | undefined;

/** Whether ids may be kept. Undefined: neither has the visitor said anything, nor, for them, the server, which knows the site's mind. */
export let mayStore: boolean | undefined;

let anonymousId: string | undefined;
let userId: string | undefined;

/** Whether this is somebody, and not just anybody. Until the server has answered, ids live in memory. */
export const isKnown = (): boolean => mayStore !== false;

/** Who the visitor is, as far as that may be told. */
export const ids = (): { anonymousId?: string; userId?: string | undefined } =>
  isKnown() ? { anonymousId: (anonymousId ??= randomId()), userId } : {};

/** The server answers a call that named the visitor with the id, or with null if that may not be kept. */
export const answered = ({ anonymousId: id }: { anonymousId?: unknown }): void => {
  if (!consent && id === null) {
    forget();
    mayStore = false;
  } else if (id == anonymousId) {
    mayStore ??= true;
    save();
  }
};

/** What the page knows of consent, at its start or later. Global Privacy Control speaks for the visitor, whatever that is. */
export const say = (said: ConsentState | undefined): void => {
  consent = (navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl ? "denied" : said;
  mayStore = consent && consent == "granted";
  // Pending says nothing against what is stored: the page waits for its consent banner.
  if (consent == "denied" || (anonymousId && !isKnown())) forget();
  const stored = isKnown() && read(KEY);
  if (stored) {
    anonymousId = stored.anonymousId;
    // Who has been named in the meantime is who it is.
    userId ??= stored.userId;
    mayStore = true;
    consent ??= stored.consent;
  }
  save();
};

/** Null: the visitor has logged out, and whoever comes next is somebody else, of whom nothing is known. */
export const become = (user: string | null): void => {
  if (user) userId = `${user}`;
  else if (userId || read(KEY)?.userId) forget();
  save();
};

// Another page of the site: the visitor has taken back their consent there, or is somebody else now.
listen("storage", ({ key }) => {
  if (key != KEY) return;
  anonymousId = userId = undefined;
  say(read(KEY) ? undefined : "denied");
});

const save = () => write(KEY, { ...ids(), consent });

const forget = () => {
  anonymousId = userId = undefined;
  remove(KEY);
};
