import { listen } from "./listen.js";

/** Calls back once somebody looks at the page, or may: not while it is being prerendered. */
export const whenActivated = (callback: () => void): void => {
  if ((document as { prerendering?: boolean }).prerendering) listen("prerenderingchange", callback);
  else callback();
};

/** The page goes out of sight, maybe for good: the last moment at which anything is sure to run. */
export const onHide = (callback: () => void): void => {
  listen("visibilitychange", () => document.hidden && callback());
  listen("pagehide", callback);
};
