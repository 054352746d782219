import { options } from "./options.js";
import type { Context } from "./types.js";
import { isKnown } from "./visitor.js";

/** What is known of page and visitor at this moment; what the page says goes before it. */
export const context = (): Context => ({
  locale: navigator.language,
  timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  ...options.context,
  page: { url: location.href, referrer: document.referrer, type: options.pageType, ...options.context?.page },
  // It may speak of the visitor.
  ...(!isKnown() && { data: undefined }),
});
