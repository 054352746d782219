import { listen } from "./listen.js";

/** The page goes out of sight, maybe for good: the last moment at which anything is sure to run. */
export const onHide = (callback: () => void): void => {
  listen("visibilitychange", () => document.hidden && callback());
  listen("pagehide", callback);
};
