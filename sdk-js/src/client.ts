import { attempt } from "./attempt.js";
import { callable } from "./callable.js";
import { decide } from "./decide.js";
import { on } from "./emitter.js";
import { listen } from "./listen.js";
import { identify, page, reward, track, waitFor } from "./messages.js";
import * as navigation from "./navigation.js";
import { options } from "./options.js";
import * as placements from "./placements.js";
import * as queue from "./queue.js";
import { render } from "./render.js";
import { DONE, spotOf } from "./spots.js";
import type { ConsentState, Options } from "./types.js";
import { isKnown, say } from "./visitor.js";

let isStarted = false;

const init = (chosen: Partial<Options>): void => {
  Object.assign(options, chosen);
  if (isStarted || !options.writeKey) return;
  isStarted = true;
  say(options.consent);
  queue.start();
  listen("click", acted);
  listen("auxclick", acted);
  listen("submit", acted);
  const token = new URLSearchParams(location.search).get("edgewise-debug");
  // The debugger first, so that it misses nothing: the server has it only for whom it signed a token. Not where the page
  // trusts but the bytes whose hash it names.
  if (token && !options.integrity) waitFor(import(`${options.endpoint}/edgewise-debug.js?preview=${token}`).then(begin, begin));
  else begin();
};

const begin = () => {
  navigation.start();
  placements.start();
};

const consent = (state: ConsentState): void => {
  const wasKnown = isKnown();
  say(state);
  queue.adopt();
  // What was not told before.
  if (isKnown() && !wasKnown) navigation.view();
};

/** Clicks in what was decided, and `data-edgewise-event`: on a form, that it was sent; on anything else, that it was clicked. */
const acted = ({ type, target, button }: MouseEvent & { target: HTMLElement }) => {
  // The other button opens a menu.
  if (button > 1) return;
  const isSent = type == "submit";
  const spot = spotOf(target.closest(`[${DONE}]`));
  if (!isSent && spot._shown && !spot._isClicked && target.closest("a,button,[data-edgewise-click]")) {
    spot._isClicked = true;
    track("$click", spot._shown);
  }
  const element = target.closest<HTMLElement>("[data-edgewise-event]");
  if (element && isSent == (element.tagName == "FORM")) {
    track(element.dataset.edgewiseEvent!, attempt(() => JSON.parse(element.dataset.edgewiseProperties!)));
  }
};

export const edgewise = callable({ init, decide, render, track, page, identify, reward, consent, on });
