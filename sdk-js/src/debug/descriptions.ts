import type { Decision, Rendered } from "../types.js";
import { explanationOf, type Learning, type RatedAction } from "./explanation.js";

type Group = NonNullable<Decision["group"]>;

/** A decision without an answer from the server has no group. */
export const groupOf = ({ group = "fallback" }: Decision): Group => group;

const GROUPS: { [group in Exclude<Group, "policy">]: string } = {
  control: "This visitor is in the control group, which always gets the baseline",
  pinned: "A pinning rule of the policy selects this action",
  fallback: "The server could not decide in time, so this is the baseline",
  preview: "You are previewing this action",
  none: "No action may be shown to this visitor",
};

const RENDERED: { [rendered in Rendered]: string } = {
  swapped: "The content was swapped.",
  default: "The default content is this action.",
  late: "The decision came too late: the default content was already in sight, so visitors keep it.",
  moved: "The content would have moved the page, so visitors keep the default. Reserve its box with min-height.",
  timeout: "No decision came in time, so visitors keep the default content.",
};

const REFUSALS: { [refusal in NonNullable<RatedAction["refused"]>]: string } = {
  off: "switched off",
  time: "not scheduled now",
  excluded: "excluded by the page",
  seen: "shown often enough",
  condition: "condition not met",
};

/** Why this visitor gets this decision. */
export function describeReason(decision: Decision): string {
  const { source, policyVersion } = decision;
  const group = groupOf(decision);
  const isOff = explanationOf(decision)?.enabled === false;
  if (!policyVersion) {
    return group === "none"
      ? "The site has no such placement. Compare its name with the policy files."
      : "The page got no decision in time, so the default content stays.";
  }
  if (group === "none" && isOff) return "The policy is switched off: everyone gets the baseline.";
  const reason = group === "policy" ? describeDraw(decision) : GROUPS[group];
  return source === "cache" ? `${reason}, from an earlier page: the server did not answer in time.` : `${reason}.`;
}

function describeDraw(decision: Decision): string {
  const { propensity, slots } = decision;
  const { mode, actions = [] } = explanationOf(decision) ?? {};
  if (mode === "apprentice") return "The policy is an apprentice: it shows the baseline, and learns from it";
  const eligible = actions.filter((action) => !action.refused).length;
  const probability = propensity != null && !slots ? ` with a probability of ${formatPercent(propensity)}` : "";
  const among = eligible ? ` among ${eligible} eligible ${eligible === 1 ? "action" : "actions"}` : "";
  return `Drawn by the policy${probability}${among}`;
}

export const describeRefusal = ({ refused }: RatedAction) => (refused ? REFUSALS[refused] : "unknown");

export const describeRendering = (rendered: Rendered | undefined) =>
  rendered ? RENDERED[rendered] : "The page's own code shows it.";

/** The actions that a decision shows. */
export const describeShown = ({ action, slots }: Decision) =>
  (slots ? slots.map((slot) => slot.action).join(", ") : action) || "the default content";

/** How many conversions the model has learned, and whether it still explores. */
export const describeLearning = ({ conversions, exploration }: Learning) =>
  `${conversions} conversions, ${formatPercent(exploration)} of decisions explore`;

/** The reward that the model expects of an action, and how sure it is. */
export function describeExpected({ expected }: RatedAction): string | undefined {
  if (!expected) return undefined;
  const { reward, low, high, best } = expected;
  const range = `${formatReward(low)} to ${formatReward(high)}`;
  return `expects ${formatReward(reward)} (${range}), best with ${formatPercent(best)}`;
}

const formatReward = (reward: number) => `${Number(reward.toPrecision(2))}`;

export const formatPercent = (share: number) => `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;

const UNITS = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
  ["s", 1],
] as const;

export function formatAge(seconds: number): string {
  const [unit, length] = UNITS.find(([, size]) => seconds >= size) ?? ["s", 1];
  return `${Math.floor(seconds / length)} ${unit} old`;
}
