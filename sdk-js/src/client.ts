import { listen } from "./browser.js";
import { callable } from "./callable.js";
import { mayIdentify } from "./consent.js";
import { waitForDebugger } from "./debugger-loaded.js";
import { decide } from "./decide.js";
import { on } from "./emitter.js";
import { reportInteraction } from "./interactions.js";
import { identify, page, reward, track } from "./messages.js";
import { reportPageView, startNavigation } from "./navigation.js";
import { options } from "./options.js";
import { startPlacements } from "./placements.js";
import { loadStored, startQueue } from "./queue.js";
import { show } from "./render.js";
import type { ConsentState, EdgewiseApi, Options } from "./types.js";
import { setConsent, setUser } from "./visitor.js";

let isStarted = false;

const init = (chosen: Partial<Options>): void => {
  Object.assign(options, chosen);
  if (isStarted || !options.writeKey) return;
  isStarted = true;
  if (options.userId) setUser(options.userId);
  setConsent(options.consent);
  startQueue();
  for (const type of ["click", "auxclick", "submit"] as const) listen(type, reportInteraction);
  const token = new URLSearchParams(location.search).get("edgewise-debug");
  // A page that names the hash of its script trusts no other script. The server refuses tokens that it did not sign.
  if (token && !options.integrity) waitForDebugger(import(`${options.endpoint}/edgewise-debug.js?preview=${token}`));
  startNavigation();
  startPlacements();
};

const consent = (state: ConsentState): void => {
  const wasIdentified = mayIdentify();
  setConsent(state);
  loadStored();
  // The first page view was dropped for want of consent.
  if (mayIdentify() && !wasIdentified) reportPageView();
};

export const edgewise = callable({
  init,
  decide,
  render: show as EdgewiseApi["render"],
  track,
  page,
  identify,
  reward,
  consent,
  on,
});
