import { options } from "./options.js";
import type { Context } from "./types.js";
import { isKnown } from "./visitor.js";

/** What is known of page and visitor at this moment; what the page says goes before it. */
export const context = (): Context => ({
  timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  ...options.context,
  page: { url: location.href.split("#")[0], referrer: document.referrer, type: options.pageType, ...options.context?.page },
  // It may speak of the visitor.
  ...(!isKnown() && { data: undefined }),
});
