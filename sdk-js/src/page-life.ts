/** Calls back once somebody looks at the page, or may: not while it is being prerendered. */
export const whenActivated = (callback: () => void): void => {
  if ((document as { prerendering?: boolean }).prerendering) {
    document.addEventListener("prerenderingchange", callback, { once: true });
  } else callback();
};

export const isHidden = (): boolean => document.visibilityState == "hidden";

/** The page goes out of sight, maybe for good: the last moment at which anything is sure to run. */
export const onHide = (callback: () => void): void => {
  document.addEventListener("visibilitychange", () => isHidden() && callback());
  addEventListener("pagehide", callback);
};

/** Another page is shown without a load: by the page's own script, or from the back/forward cache. */
export const onNavigate = (callback: () => void): void => {
  let path = location.pathname;
  const look = () => {
    if (path != (path = location.pathname)) callback();
  };
  const { navigation } = window as { navigation?: EventTarget };
  if (navigation) {
    navigation.addEventListener("currententrychange", look);
  } else {
    for (const name of ["pushState", "replaceState"] as const) {
      const original = history[name];
      history[name] = (...args) => {
        original.apply(history, args);
        look();
      };
    }
    addEventListener("popstate", look);
  }
  addEventListener("pageshow", (event) => event.persisted && callback());
};
