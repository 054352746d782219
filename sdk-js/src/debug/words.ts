import type { Decision, Rendered } from "../types.js";
import { type Weighed, explained } from "./explained.js";

/** What is said of a decision, in plain words. */

const GROUPS: { [group in Decision["group"]]: string } = {
  policy: "Drawn by the policy",
  control: "This visitor is in the control group, which always gets the baseline",
  pinned: "A pin, a rule of the policy, shows it",
  fallback: "The server could not decide in time, so this is the baseline",
  preview: "You asked for it",
  none: "No action may be shown to this visitor",
};

const RENDERED: { [rendered in Rendered]: string } = {
  swapped: "It was put in place.",
  default: "The default content stands for it.",
  seen: "It came too late: the default content was in sight already, and stays.",
  moved: "It would have moved the page, so the default content stays. Reserve its box with min-height.",
};

const REFUSALS: { [refusal in NonNullable<Weighed["refused"]>]: string } = {
  off: "switched off",
  time: "not at this time",
  excluded: "excluded by the page",
  seen: "seen often enough",
  condition: "condition not met",
};

export const percent = (share: number) => `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;

export const refusal = ({ refused }: Weighed) => (refused ? REFUSALS[refused] : "not known");

/** Why this visitor gets what they get. */
export function why(decision: Decision): string {
  const { group, source, slots, propensity, policyVersion } = decision;
  if (source === "fallback" && group === "fallback") return "The server did not answer in time, so the default content stays.";
  const { enabled = true, mode, actions = [] } = explained(decision) ?? {};
  if (group === "none" && !policyVersion) return "The site has no such placement.";
  if (!enabled && group === "none") return "The policy is switched off: everyone gets the baseline.";
  const eligible = actions.filter((one) => !one.refused).length;
  const said = [GROUPS[group]];
  if (group === "policy" && mode === "apprentice")
    said[0] = "The policy is an apprentice: it shows the baseline, and learns from it";
  else if (group === "policy" && !slots && propensity != null) said.push(`with a probability of ${percent(propensity)}`);
  if (group === "policy" && eligible) said.push(`among ${eligible} eligible ${eligible === 1 ? "action" : "actions"}`);
  if (source === "cache") said.push("some time ago, as the server did not answer in time");
  return `${said.join(", ").replace(", with", " with").replace(", among", " among")}.`;
}

export const rendering = (rendered: Rendered | undefined) => (rendered ? RENDERED[rendered] : "The page's own code shows it.");

/** How old a model is, to one unit. */
export function age(seconds: number): string {
  for (const [unit, length] of [
    ["d", 86_400],
    ["h", 3_600],
    ["min", 60],
  ] as const) {
    if (seconds >= length) return `${Math.floor(seconds / length)} ${unit} old`;
  }
  return `${Math.floor(seconds)} s old`;
}

/** What a decision shows: an action, those of a row, or nothing. */
export const shown = ({ action, slots }: Decision) =>
  (slots ? slots.map((slot) => slot.action).join(", ") : action) || "the default content";
