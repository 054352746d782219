import { options } from "./options.js";
import type { Context } from "./types.js";
import { isKnown } from "./visitor.js";

/** What is known of page and visitor at this moment. What the page says goes before it, the last before the first. */
export const context = (more: (Context | undefined)[] = []): Context => {
  const known: Context = Object.assign(
    { locale: navigator.language, timezone: Intl.DateTimeFormat().resolvedOptions().timeZone },
    options.context,
    ...more,
  );
  known.page = { url: location.href, referrer: document.referrer, type: options.pageType, ...known.page };
  // It may speak of the visitor.
  if (!isKnown()) delete known.data;
  return known;
};
