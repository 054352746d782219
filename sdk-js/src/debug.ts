import { h } from "./debug/element.js";
import { Originals } from "./debug/original.js";
import { Outlines } from "./debug/outlines.js";
import { Panel } from "./debug/panel.js";
import { Spot } from "./debug/spot.js";
import { STYLE } from "./debug/style.js";
import { refusalOf, token } from "./debug/token.js";
import { groupOf, shown } from "./debug/words.js";
import type { Decision, Edgewise } from "./types.js";

/** The debugger of a page: loaded by the core where the address has `?edgewise-debug=TOKEN`. */
function debug(client: Edgewise): void {
  const spots: Spot[] = [];
  const originals = new Originals();
  let refusal: Promise<string | undefined> | undefined;

  // Who looks behind the scenes is no visitor: they are shown what they want, and nothing of it is told.
  const { init } = client;
  client.init = (options) => init({ ...options, preview: token, beforeSend: () => null });
  client.init({});

  const outlines = new Outlines((spot) => panel.reveal(spot));
  const panel = new Panel(show, (spot) => outlines.highlight(spot));

  function show(spot: Spot, action: string | null): void {
    spot.show(client, action).then(
      (needed) => {
        draw();
        const room = needed ? ` It needs more room than there is: reserve min-height: ${Math.ceil(needed)}px.` : "";
        panel.say(`${spot.placement} shows ${shown(spot.now)}, as ${spot.previewed ? "a preview" : "decided"}.${room}`);
      },
      (error: Error) => panel.say(`${spot.placement}: ${error.message}`),
    );
  }

  function draw(): void {
    const there = spots.filter((spot) => spot.isThere);
    panel.draw(there);
    outlines.draw(there);
  }

  /** Put in the place of what was said of the same spot before. */
  function put(spot: Spot, isSame: (other: Spot) => boolean): void {
    const index = spots.findIndex(isSame);
    spots.splice(index < 0 ? spots.length : index, index < 0 ? 0 : 1, spot);
    draw();
  }

  client.on("decision", (decision) => {
    const isInMarkup = document.querySelector(`[data-edgewise="${CSS.escape(decision.placement)}"]`);
    if (!isInMarkup) put(new Spot(decision), ({ placement }) => placement === decision.placement);
    if (isUnanswered(decision)) {
      refusal ??= refusalOf(decision.placement);
      refusal.then((said) => said && panel.draw(spots, said));
    }
  });
  client.on("render", ({ element, decision, rendered }) => {
    const place = { element, original: originals.of(element) };
    put(new Spot(decision, place, rendered), (other) => other.place?.element === element);
  });

  const host = h("div", { "data-edgewise-debugger": true });
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];
  root.append(outlines.layer, panel.root);
  document.documentElement.append(host);
  draw();
  document.addEventListener("click", stay, true);
}

const isUnanswered = (decision: Decision) => groupOf(decision) === "fallback" && !decision.policyVersion;

/** The token goes along to the other pages of the site. */
function stay(event: Event): void {
  const link = event.composedPath().find((one): one is HTMLAnchorElement => one instanceof HTMLAnchorElement && !!one.href);
  if (!link || link.origin !== location.origin || link.download) return;
  const url = new URL(link.href);
  // A link within the page stays one.
  if (url.hash && url.pathname === location.pathname && url.search === "") return;
  url.searchParams.set("edgewise-debug", token);
  link.href = url.href;
}

if (window.edgewise) debug(window.edgewise);
else console.warn("edgewise: found no window.edgewise for the debugger; whoever imports the SDK sets it");
