import type { Decision, Rendered } from "../types.js";
import { type Weighed, explained } from "./explained.js";

/** What is said of a decision, in plain words. */

type Group = NonNullable<Decision["group"]>;

/** Where nobody has answered, nobody has said so. */
export const groupOf = ({ group = "fallback" }: Decision): Group => group;

const GROUPS: { [group in Exclude<Group, "policy">]: string } = {
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
  const { source, policyVersion } = decision;
  const group = groupOf(decision);
  if (!policyVersion) {
    return group === "none"
      ? "The site has no such placement."
      : "The server gave no answer in time, so the default content stays.";
  }
  if (group === "none" && explained(decision)?.enabled === false)
    return "The policy is switched off: everyone gets the baseline.";
  const late = source === "cache" ? ", some time ago, as the server did not answer in time" : "";
  return `${group === "policy" ? drawn(decision) : GROUPS[group]}${late}.`;
}

function drawn(decision: Decision): string {
  const { propensity, slots } = decision;
  const { mode, actions = [] } = explained(decision) ?? {};
  if (mode === "apprentice") return "The policy is an apprentice: it shows the baseline, and learns from it";
  const eligible = actions.filter((one) => !one.refused).length;
  const share = propensity != null && !slots ? ` with a probability of ${percent(propensity)}` : "";
  const among = eligible ? ` among ${eligible} eligible ${eligible === 1 ? "action" : "actions"}` : "";
  return `Drawn by the policy${share}${among}`;
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
