import { groupOf } from "./debug/descriptions.js";
import { h } from "./debug/element.js";
import { Originals } from "./debug/original.js";
import { Outlines } from "./debug/outlines.js";
import { Panel } from "./debug/panel.js";
import { Placement } from "./debug/placement.js";
import { STYLE } from "./debug/style.js";
import { fetchRejection, token } from "./debug/token.js";
import { findLink } from "./find-link.js";
import type { Decision, Edgewise } from "./types.js";

/** The on-page debugger. The core loads it on pages with `?edgewise-debug=TOKEN` in the address. */
function debug(client: Edgewise): void {
  const placements: Placement[] = [];
  const originals = new Originals();
  let rejection: Promise<string | undefined> | undefined;

  // The staff of the site are not visitors, so no message of theirs is sent.
  const { init } = client;
  client.init = (options) => init({ ...options, preview: token, beforeSend: () => null });
  client.init({});

  const outlines = new Outlines((placement) => panel.reveal(placement));
  const panel = new Panel(preview, (placement) => outlines.highlight(placement));

  async function preview(placement: Placement, action: string | null): Promise<void> {
    try {
      const needed = await placement.preview(client, action);
      draw();
      panel.announce(describePreview(placement, needed));
    } catch (error) {
      panel.announce(`${placement.name}: ${(error as Error).message}`);
    }
  }

  function draw(): void {
    const onPage = placements.filter((placement) => placement.isOnPage);
    panel.draw(onPage);
    outlines.draw(onPage);
  }

  /** Replaces the former state of the same placement, or adds the placement. */
  function put(placement: Placement, isSame: (other: Placement) => boolean): void {
    const index = placements.findIndex(isSame);
    if (index < 0) placements.push(placement);
    else placements[index] = placement;
    draw();
  }

  client.on("decision", (decision) => {
    const isInMarkup = document.querySelector(`[data-edgewise="${CSS.escape(decision.placement)}"]`);
    if (!isInMarkup) put(new Placement(decision), ({ name }) => name === decision.placement);
    if (isUnanswered(decision)) {
      rejection ??= fetchRejection(decision.placement);
      rejection.then((problem) => problem && panel.draw(placements, problem));
    }
  });
  client.on("render", ({ element, decision, rendered }) => {
    const placement = new Placement(decision, { element, original: originals.of(element) }, rendered);
    put(placement, ({ location }) => location?.element === element);
  });

  const host = h("div", { "data-edgewise-debugger": true });
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];
  root.append(outlines.layer, panel.root);
  document.documentElement.append(host);
  draw();
  document.addEventListener("click", addTokenToLink, true);
}

const isUnanswered = (decision: Decision) => groupOf(decision) === "fallback" && !decision.policyVersion;

function describePreview({ name, previewed, keepsDefault, summary }: Placement, needed: number | undefined): string {
  const shown = `${name} shows ${summary}, as ${previewed ? "a preview" : keepsDefault ? "visitors see it" : "decided"}.`;
  return needed ? `${shown} It needs more room: reserve min-height: ${Math.ceil(needed)}px.` : shown;
}

/** The debugger stays open on the other pages of the site. */
function addTokenToLink(event: Event): void {
  const link = findLink(event);
  if (!link || link.origin !== location.origin || link.download) return;
  const url = new URL(link.href);
  const isWithinPage = url.hash && url.pathname === location.pathname && url.search === "";
  if (isWithinPage) return;
  url.searchParams.set("edgewise-debug", token);
  link.href = url.href;
}

if (window.edgewise) debug(window.edgewise);
else console.warn("edgewise: the debugger needs window.edgewise. Set it after importing the SDK.");
