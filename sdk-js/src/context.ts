import { options } from "./options.js";
import type { Context } from "./types.js";
import { isKnown } from "./visitor.js";

/** What is known of page and visitor at this moment; `more` goes before what the page said at its start. */
export const context = (more: Context = {}): Context => ({
  locale: navigator.language,
  timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  ...options.context,
  ...more,
  page: { url: location.href, referrer: document.referrer, ...options.context?.page, ...more.page },
  // It may speak of the visitor.
  data: isKnown() ? { ...options.context?.data, ...more.data } : undefined,
});
