import { listen } from "./browser.js";
import { callable } from "./callable.js";
import { mayIdentify } from "./consent.js";
import { decide } from "./decide.js";
import { on } from "./emitter.js";
import { reportInteraction } from "./interactions.js";
import { identify, page, reward, track, waitFor } from "./messages.js";
import { reportPageView, startNavigation } from "./navigation.js";
import { options } from "./options.js";
import { startPlacements } from "./placements.js";
import { loadStored, startQueue } from "./queue.js";
import { render } from "./render.js";
import type { ConsentState, Options } from "./types.js";
import { setConsent, setUser } from "./visitor.js";

let isStarted = false;

const init = (chosen: Partial<Options>): void => {
  Object.assign(options, chosen);
  if (isStarted || !options.writeKey) return;
  isStarted = true;
  if (options.userId) setUser(options.userId);
  setConsent(options.consent);
  startQueue();
  listen("click", reportInteraction);
  listen("auxclick", reportInteraction);
  listen("submit", reportInteraction);
  const token = new URLSearchParams(location.search).get("edgewise-debug");
  // A page that names the hash of its script trusts no other script.
  if (!token || options.integrity) startPage();
  // The debugger must see every decision, so it loads first. The server refuses it for tokens that it did not sign.
  else waitFor(import(`${options.endpoint}/edgewise-debug.js?preview=${token}`).then(startPage, startPage));
};

const startPage = () => {
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

export const edgewise = callable({ init, decide, render, track, page, identify, reward, consent, on });
