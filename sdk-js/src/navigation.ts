import { listen } from "./browser.js";
import { page } from "./messages.js";
import { options } from "./options.js";

let path: string;

/** Reports the view of this page, and again whenever the page returns from the back/forward cache. */
export const startNavigation = (): void => {
  path = location.pathname;
  listen("pageshow", ({ persisted }) => {
    if (persisted) reportPageView();
  });
  reportPageView();
};

/** Reports a page view if the page's own router has changed the path. There is no event for that in all browsers. */
export const checkPath = (): void => {
  if (path === location.pathname) return;
  path = location.pathname;
  reportPageView();
};

export const reportPageView = (): void => {
  if (!isManual()) page();
};

/** An attribute without a value, as in `<script data-manual>`, is an empty string. */
const isManual = () => !!options.manual || options.manual === "";
