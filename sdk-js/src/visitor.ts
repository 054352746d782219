import { hasGlobalPrivacyControl, listen, randomId } from "./browser.js";
import { consent, mayIdentify } from "./consent.js";
import { options } from "./options.js";
import { keysOf, read, remove, write } from "./storage.js";
import type { ConsentState, Message } from "./types.js";

interface StoredVisitor {
  anonymousId?: string;
  userId?: string;
  userHash?: string;
  consent?: ConsentState;
}

/** All other keys of the SDK begin with this one. */
const KEY = "edgewise";

let anonymousId: string | undefined;
let userId: string | undefined;
let userHash: string | undefined;

/** The visitor's ids with the proof of the user id, or none without consent. */
export const getIds = (): Pick<Message, "anonymousId" | "userId" | "userHash"> => {
  if (!mayIdentify()) return {};
  anonymousId ??= randomId();
  return { anonymousId, userId, userHash: userId && (userHash ?? options.userHash) };
};

/** Sets the visitor's answer, or undefined if there is none yet. Global Privacy Control takes precedence. */
export const setConsent = (state: ConsentState | undefined): void => {
  consent._state = hasGlobalPrivacyControl() ? "denied" : state;
  consent._mayStore = consent._state ? consent._state === "granted" : undefined;
  // "pending" removes nothing: the consent banner may still lead to "granted".
  if (consent._state === "denied" || (anonymousId && !mayIdentify())) forget();
  const stored = mayIdentify() ? read<StoredVisitor>(KEY) : undefined;
  if (stored) {
    anonymousId = stored.anonymousId;
    // A user who has logged in before giving consent takes precedence over the stored one.
    if (!userId) ({ userId, userHash } = stored);
    consent._mayStore = true;
    consent._state ??= stored.consent;
  }
  save();
};

/** Sets the user, with the proof of the id. Null logs out: the next visitor gets new ids. */
export const setUser = (user: string | null, hash?: string): void => {
  if (user) {
    userId = `${user}`;
    userHash = hash;
  } else if (userId || read<StoredVisitor>(KEY)?.userId) forget();
  save();
};

/** The server repeats the request's id if it may be stored. It answers null if the site's default forbids that. */
export const applyServerAnswer = ({ anonymousId: answered }: { anonymousId?: unknown }): void => {
  if (!consent._state && answered === null) {
    forget();
    consent._mayStore = false;
  } else if (answered === anonymousId) {
    consent._mayStore ??= true;
    save();
  }
};

// Another tab of the site has changed the visitor, or has withdrawn consent.
listen("storage", ({ key }) => {
  if (key !== KEY) return;
  anonymousId = userId = userHash = undefined;
  setConsent(read(KEY) ? undefined : "denied");
});

const save = () => write(KEY, { ...getIds(), consent: consent._state });

const forget = () => {
  anonymousId = userId = userHash = undefined;
  keysOf(KEY).forEach(remove);
};
