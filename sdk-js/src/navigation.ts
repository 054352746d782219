import { listen } from "./listen.js";
import { page } from "./messages.js";
import { options } from "./options.js";

let path = location.pathname;

/** Another page is shown without a load: by the page's own script, or from the back/forward cache. */
export const start = (): void => {
  listen("pageshow", ({ persisted }) => persisted && view());
  view();
};

/** Looked at whenever the page changes: whether its path is another one by now. */
export const look = (): void => {
  if (path != (path = location.pathname)) view();
};

export const view = () => {
  // As an attribute, it has no value.
  if (!options.manual && (options.manual as unknown) !== "") page();
};
