import type { Decision } from "../types.js";
import { button, h } from "./element.js";
import { type Weighed, explained } from "./explained.js";
import type { Spot } from "./spot.js";
import { age, groupOf, percent, refusal, rendering, shown, why } from "./words.js";

/** Shows an action in place; null: what was decided. */
export type Show = (spot: Spot, action: string | null) => void;

/** What is told of one placement: what was decided, why, from which model, and all actions, each to be shown. */
export function details(spot: Spot, key: string, show: Show): HTMLElement {
  const { decision, rendered } = spot;
  const debug = explained(decision);
  const facts: [string, string | undefined | null][] = [
    ["Source", decision.source],
    ["Group", groupOf(decision)],
    ["Propensity", decision.propensity == null ? null : percent(decision.propensity)],
    ["Policy", decision.policyVersion],
    ["Model", model(decision)],
  ];
  return h(
    "div",
    { class: "details" },
    previewing(spot, key, show),
    h("p", { class: "why" }, why(decision), " ", !!decision.policyVersion && rendering(rendered)),
    h("dl", {}, ...facts.flatMap(([name, value]) => (value ? [h("dt", {}, name), h("dd", {}, value)] : []))),
    debug ? actions(spot, debug.actions, key, show) : narrow(decision),
  );
}

function previewing(spot: Spot, key: string, show: Show): HTMLElement | false {
  if (!spot.previewed) return false;
  const said = h("span", {}, "Previewing ", h("b", {}, shown(spot.previewed)));
  const given = { class: "back", "aria-label": "Back to what was decided" };
  return h(
    "p",
    { class: "previewing" },
    said,
    button(`back ${key}`, given, () => show(spot, null), "Back"),
  );
}

/** The version of the model that decided, and how long it has known nothing new. */
function model(decision: Decision): string | null {
  const { modelVersion } = decision;
  const seconds = explained(decision)?.modelAgeSeconds;
  if (seconds != null) return `${modelVersion ?? "latest"}, ${age(seconds)}`;
  return modelVersion == null ? null : modelVersion ? `${modelVersion}` : "none yet: all are equally likely";
}

/** The server explains nothing to who has a token of one action. */
function narrow({ group, policyVersion }: Decision): HTMLElement | false {
  if (!policyVersion) return false;
  const only = group === "preview" ? "The token shows this one action." : "The token is for one action of another placement.";
  return h("p", { class: "note" }, only, " ", h("code", {}, "edgewise preview --debug"), " makes one that shows them all.");
}

function actions(spot: Spot, weighed: Weighed[], key: string, show: Show): HTMLElement {
  const id = `actions-${key}`;
  const { group, slots } = spot.decision;
  const isDrawn = group !== "control" && group !== "pinned";
  const heading = `${isDrawn ? "Actions, and their chances" : "What the policy itself would draw"}${slots ? " for the first slot" : ""}`;
  const list = weighed.map((one, place) => action(spot, one, `${key} ${place}`, show));
  return h("div", {}, h("h4", { id }, heading), h("ul", { class: "actions", "aria-labelledby": id }, ...list));
}

function action(spot: Spot, weighed: Weighed, key: string, show: Show): HTMLElement {
  const { id, propensity, refused } = weighed;
  const isPreviewed = spot.previewed !== undefined && spot.shown[0] === id;
  const bar = h("span", { class: "bar", "aria-hidden": "true" });
  bar.style.setProperty("--share", String(propensity ?? 0));
  const preview = button(
    `preview ${key}`,
    { "aria-pressed": String(isPreviewed), "aria-label": `Preview ${id}` },
    () => show(spot, isPreviewed ? null : id),
    isPreviewed ? "Undo" : "Preview",
  );
  return h(
    "li",
    { class: refused ? "refused" : "" },
    h("span", { class: "id" }, id, spot.shown.includes(id) && h("span", { class: "here" }, "shown")),
    h("span", { class: "chance" }, propensity === null ? refusal(weighed) : percent(propensity)),
    !!spot.place && preview,
    bar,
  );
}
