import { attempt } from "./attempt.js";
import { callable } from "./callable.js";
import { decide } from "./decide.js";
import { on } from "./emitter.js";
import { listen } from "./listen.js";
import { identify, page, reward, track } from "./messages.js";
import * as navigation from "./navigation.js";
import { options, token } from "./options.js";
import * as placements from "./placements.js";
import * as queue from "./queue.js";
import { render } from "./render.js";
import { DONE, spotOf } from "./spots.js";
import type { ConsentState, Options } from "./types.js";
import { isKnown, say } from "./visitor.js";

let isStarted = false;

const init = (chosen: Partial<Options>): void => {
  if (isStarted) return;
  Object.assign(options, chosen);
  if (!options.writeKey) return;
  isStarted = true;
  say(options.consent);
  queue.start();
  for (const type of ["click", "auxclick", "submit"]) listen(type, acted);
  navigation.start();
  // The debugger first, so that it misses nothing.
  if (token) import(`${options.endpoint}/edgewise-debug.js`).finally(placements.start);
  else placements.start();
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
  if (!isSent && spot._shown && !spot._isClicked && target.closest("a,button,[role=button],[data-edgewise-click]")) {
    spot._isClicked = true;
    track("$click", spot._shown);
  }
  const element = target.closest<HTMLElement>("[data-edgewise-event]");
  if (element && isSent == (element.tagName == "FORM")) {
    track(element.dataset.edgewiseEvent!, attempt(() => JSON.parse(element.dataset.edgewiseProperties!)));
  }
};

export const edgewise = callable({ init, decide, render, track, page, identify, reward, consent, on });
