import type { Decision } from "../types.js";
import {
  describeExpected,
  describeLearning,
  describeReason,
  describeRefusal,
  describeRendering,
  describeShown,
  formatAge,
  formatPercent,
  groupOf,
} from "./descriptions.js";
import { button, h } from "./element.js";
import { explanationOf, type RatedAction } from "./explanation.js";
import type { Placement } from "./placement.js";

/** Previews an action, or null for the decided one. */
export type Preview = (placement: Placement, action: string | null) => void;

/** The details of a placement: the decision, its reason, and all actions with a preview. */
export function renderDetails(placement: Placement, key: string, preview: Preview): HTMLElement {
  const { decision, rendered } = placement;
  const explanation = explanationOf(decision);
  const facts: [string, string | undefined | null | false][] = [
    ["Source", decision.source],
    ["Group", groupOf(decision)],
    ["Propensity", decision.propensity == null ? null : formatPercent(decision.propensity)],
    ["Policy", decision.policyVersion],
    ["Model", describeModel(decision)],
    ["Learning", explanation?.learning && describeLearning(explanation.learning)],
    ["User id", explanation?.user === "unproven" && "ignored, because no userHash proves it"],
  ];
  const rendering = !!decision.policyVersion && describeRendering(rendered);
  return h(
    "div",
    { class: "details" },
    renderPreviewNotice(placement, key, preview),
    h("p", { class: "why" }, describeReason(decision), " ", rendering),
    h("dl", {}, ...facts.flatMap(([name, value]) => (value ? [h("dt", {}, name), h("dd", {}, value)] : []))),
    explanation ? renderActions(placement, explanation.actions, key, preview) : renderTokenNotice(decision),
  );
}

function renderPreviewNotice(placement: Placement, key: string, preview: Preview): HTMLElement | false {
  if (!placement.previewed) return false;
  return h(
    "p",
    { class: "previewing" },
    h("span", {}, "Previewing ", h("b", {}, describeShown(placement.previewed))),
    button(
      `back ${key}`,
      { class: "back", "aria-label": "Back to the decision" },
      () => preview(placement, null),
      "Back",
    ),
  );
}

function describeModel(decision: Decision): string | null {
  const { modelVersion } = decision;
  const seconds = explanationOf(decision)?.modelAgeSeconds;
  if (seconds != null) return `${modelVersion ?? "latest"}, ${formatAge(seconds)}`;
  if (modelVersion == null) return null;
  return modelVersion ? `${modelVersion}` : "none yet: all actions are equally likely";
}

/** The server explains nothing to a token of one action. */
function renderTokenNotice({ group, policyVersion }: Decision): HTMLElement | false {
  if (!policyVersion) return false;
  const text =
    group === "preview" ? "The token shows only this action." : "The token is for an action of another placement.";
  return h("p", { class: "note" }, text, " ", h("code", {}, "edgewise preview --debug"), " creates a token for all.");
}

function renderActions(placement: Placement, actions: RatedAction[], key: string, preview: Preview): HTMLElement {
  const id = `actions-${key}`;
  const { group, slots } = placement.decision;
  const isDrawn = group !== "control" && group !== "pinned";
  const title = isDrawn ? "Actions and their probabilities" : "The probabilities of the policy itself";
  const heading = slots ? `${title} for the first slot` : title;
  const list = actions.map((action, index) => renderAction(placement, action, `${key} ${index}`, preview));
  return h("div", {}, h("h4", { id }, heading), h("ul", { class: "actions", "aria-labelledby": id }, ...list));
}

function renderAction(placement: Placement, action: RatedAction, key: string, preview: Preview): HTMLElement {
  const { id, propensity, refused } = action;
  const isPreviewed = placement.previewed !== undefined && placement.shown[0] === id;
  const bar = h("span", { class: "bar", "aria-hidden": "true" });
  bar.style.setProperty("--share", String(propensity ?? 0));
  const previewButton = button(
    `preview ${key}`,
    { "aria-pressed": String(isPreviewed), "aria-label": `Preview ${id}` },
    () => preview(placement, isPreviewed ? null : id),
    isPreviewed ? "Undo" : "Preview",
  );
  const expected = describeExpected(action);
  const probability = propensity === null ? describeRefusal(action) : formatPercent(propensity);
  return h(
    "li",
    { class: refused ? "refused" : "" },
    h("span", { class: "id" }, id, placement.shown.includes(id) && h("span", { class: "here" }, "shown")),
    h("span", { class: "chance" }, probability),
    !!placement.location && previewButton,
    bar,
    !!expected && h("span", { class: "expected" }, expected),
  );
}
