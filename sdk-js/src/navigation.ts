import { listen } from "./browser.js";
import { page } from "./messages.js";
import { options } from "./options.js";
import type { Decision } from "./types.js";

/** The decisions of the present view, by placement and options. */
export let decisions: { [key: string]: Promise<Decision> };

/** The path and the query of the present view. */
let view: (string | undefined)[] = [];

/** Reports the view of this page, of each further route, and of the page when the back/forward cache restores it. */
export const startNavigation = (): void => {
  checkRoute();
  const { pushState } = history;
  history.pushState = (...args) => {
    checkRoute();
    pushState.apply(history, args);
    checkRoute(true);
  };
  listen("popstate", checkRoute);
  listen("pageshow", ({ persisted }) => {
    if (persisted) reportPageView();
  });
};

/**
 * Reports a view if the path has changed, or the route in the fragment. A changed query counts only with a new entry of
 * the history. Without one, the page has tidied its address up.
 */
export const checkRoute = (isNewEntry?: unknown): void => {
  const [path, query] = view;
  const [, route, rest] = /^#!?(\/[^?]+)(.*)/.exec(location.hash) ?? [];
  view = [location.pathname + route, location.search + rest];
  if (view[0] !== path || (isNewEntry && view[1] !== query)) reportPageView();
};

export const reportPageView = (): void => {
  decisions = {};
  // An attribute without a value, as in `<script data-manual>`, is an empty string.
  if (!options.manual && options.manual !== "") page();
};
