import { listen } from "./browser.js";
import { getRoute } from "./context.js";
import { page } from "./messages.js";
import { options } from "./options.js";

/** The path and the query of the present view. */
let view: (string | undefined)[] = [];

/** Reports the view of this page, of each further route, and of the page when the back/forward cache restores it. */
export const startNavigation = (): void => {
  checkRoute();
  for (const method of ["pushState", "replaceState"] as const) {
    const original = history[method];
    history[method] = (...args) => {
      original.apply(history, args);
      checkRoute(method === "pushState");
    };
  }
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
  const route = getRoute();
  view = [location.pathname + route, location.search + (route && location.hash)];
  if (view[0] !== path || (isNewEntry && view[1] !== query)) reportPageView();
};

export const reportPageView = (): void => {
  // An attribute without a value, as in `<script data-manual>`, is an empty string.
  if ((options.manual ?? false) === false) page();
};
