import { mayIdentify } from "./consent.js";
import { options } from "./options.js";
import type { Context } from "./types.js";

/** The page and the browser at this moment. Values that the page has set take precedence. */
export const getContext = (): Context => ({
  timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  ...options.context,
  page: {
    url: location.href.split("#")[0],
    referrer: document.referrer,
    type: options.pageType,
    ...options.context?.page,
  },
  // `data` may describe the visitor.
  ...(!mayIdentify() && { data: undefined }),
});
