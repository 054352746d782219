import { decide } from "./decide.js";
import { on } from "./emitter.js";
import { identify, page, reward, track } from "./messages.js";
import { choose, options } from "./options.js";
import { onNavigate } from "./page-life.js";
import * as placements from "./placements.js";
import * as queue from "./queue.js";
import { render } from "./render.js";
import type { ConsentState, Edgewise, EdgewiseApi, Options } from "./types.js";
import { click } from "./view.js";
import { forgetDecisions } from "./cache.js";
import { isKnown, say } from "./visitor.js";

const init = (chosen: Options): void => {
  if (options.writeKey) return;
  choose(chosen);
  say(chosen.consent);
  queue.start();
  const token = new URLSearchParams(location.search).get("edgewise-debug");
  if (token) import(`${options.endpoint}/edgewise-debug.js`);
  placements.start(token);
  document.addEventListener("click", pressed, true);
  document.addEventListener("auxclick", pressed, true);
  document.addEventListener("submit", declared, true);
  if (!options.manual) {
    page();
    onNavigate(page);
  }
};

const consent = (state: ConsentState): void => {
  const wasKnown = isKnown();
  say(state);
  queue.purge();
  if (!isKnown()) forgetDecisions();
  else if (!wasKnown && !options.manual) page();
};

const pressed = (event: Event) => {
  click(event.target as Element);
  declared(event);
};

/** `data-edgewise-event`: on a form, that it was sent; on anything else, that it was clicked. */
const declared = ({ target, type }: Event) => {
  const element = (target as Element).closest<HTMLElement>("[data-edgewise-event]");
  if (!element || (element.tagName == "FORM") != (type == "submit")) return;
  const { edgewiseEvent, edgewiseProperties } = element.dataset;
  track(edgewiseEvent!, JSON.parse(edgewiseProperties || "{}"));
};

const api: EdgewiseApi = { init, decide, render, track, page, identify, reward, consent, on };

export const edgewise: Edgewise = Object.assign(
  (method: keyof EdgewiseApi, ...args: unknown[]) => (api[method] as (...args: unknown[]) => any)(...args),
  api,
);
