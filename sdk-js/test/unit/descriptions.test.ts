import assert from "node:assert/strict";
import { suite, test } from "node:test";
import {
  describeExpected,
  describeLearning,
  describeReason,
  describeRefusal,
  describeShown,
  formatAge,
  formatPercent,
} from "../../src/debug/descriptions.js";
import type { RatedAction } from "../../src/debug/explanation.js";
import type { Decision } from "../../src/types.js";

const DRAWN: Decision = {
  placement: "hero",
  decisionId: null,
  action: "deal",
  payload: {},
  propensity: 0.62,
  group: "policy",
  policyVersion: "3f2a91c0",
  source: "policy",
};

const explained = (mode: string, enabled: boolean, ...refused: RatedAction["refused"][]) => ({
  debug: {
    mode,
    enabled,
    modelAgeSeconds: 3,
    actions: refused.map((one, i) => ({ id: `a${i}`, propensity: null, refused: one })),
  },
});

suite("the debugger describes", () => {
  for (const [name, decision, expected] of [
    ["a draw", DRAWN, "Drawn by the policy with a probability of 62 %."],
    [
      "a draw with an explanation",
      { ...DRAWN, ...explained("online", true, null, null, "condition") },
      "Drawn by the policy with a probability of 62 % among 2 eligible actions.",
    ],
    [
      "a row",
      { ...DRAWN, slots: [DRAWN], ...explained("online", true, null) },
      "Drawn by the policy among 1 eligible action.",
    ],
    [
      "an apprentice",
      { ...DRAWN, propensity: 1, ...explained("apprentice", true, null, null) },
      "The policy is an apprentice: it shows the baseline, and learns from it.",
    ],
    [
      "the control group",
      { ...DRAWN, group: "control" },
      "This visitor is in the control group, which always gets the baseline.",
    ],
    ["a pin", { ...DRAWN, group: "pinned" }, "A pinning rule of the policy selects this action."],
    ["a preview", { ...DRAWN, group: "preview" }, "You are previewing this action."],
    [
      "a baseline for want of an answer",
      { ...DRAWN, group: "fallback", source: "fallback" },
      "The server could not decide in time, so this is the baseline.",
    ],
    [
      "a missing answer",
      { ...DRAWN, action: null, group: "fallback", source: "fallback", policyVersion: null },
      "The page got no decision in time, so the default content stays.",
    ],
    [
      "a cached answer",
      { ...DRAWN, source: "cache" },
      "Drawn by the policy with a probability of 62 %, from an earlier page: the server did not answer in time.",
    ],
    [
      "a policy that is switched off",
      { ...DRAWN, group: "none", ...explained("online", false) },
      "The policy is switched off: everyone gets the baseline.",
    ],
    [
      "a placement without a policy",
      { ...DRAWN, group: "none", policyVersion: null },
      "The site has no such placement. Compare its name with the policy files.",
    ],
    ["a decision without an eligible action", { ...DRAWN, group: "none" }, "No action may be shown to this visitor."],
  ] as [string, Decision, string][]) {
    test(name, () => assert.equal(describeReason(decision), expected));
  }

  test("small probabilities with one decimal", () => {
    assert.deepEqual([0, 0.004, 0.019, 0.1, 0.984, 1].map(formatPercent), [
      "0 %",
      "0.4 %",
      "1.9 %",
      "10 %",
      "98 %",
      "100 %",
    ]);
  });

  test("ages in one unit", () => {
    assert.deepEqual([0.2, 59.9, 60, 3599, 3600, 200_000].map(formatAge), [
      "0 s old",
      "59 s old",
      "1 min old",
      "59 min old",
      "1 h old",
      "2 d old",
    ]);
  });

  test("the action that is shown, the actions of a row, or the default content", () => {
    const slots = ["a", "b"].map((action) => ({ action, payload: {} }));
    assert.deepEqual([DRAWN, { ...DRAWN, action: null, slots }, { ...DRAWN, action: null }].map(describeShown), [
      "deal",
      "a, b",
      "the default content",
    ]);
  });

  test("what the model has learned, and what it expects of an action", () => {
    assert.equal(
      describeLearning({ conversions: 212, exploration: 0.083, tasteChanges: 0 }),
      "212 conversions, 8.3 % of decisions explore",
    );
    const action = { id: "a", propensity: 0.9, refused: null };
    const expected = { reward: 0.04123, low: 0.0318, high: 0.0507, best: 0.93 };
    assert.equal(describeExpected({ ...action, expected }), "expects 0.041 (0.032 to 0.051), best with 93 %");
    assert.deepEqual(
      [describeExpected(action), describeExpected({ ...action, expected: null })],
      [undefined, undefined],
    );
  });

  test("the reason why an action is not eligible", () => {
    const describe = (refused: RatedAction["refused"]) => describeRefusal({ id: "a", propensity: null, refused });
    const described = [describe("condition"), describe("time"), describe(null)];
    assert.deepEqual(described, ["condition not met", "not scheduled now", "unknown"]);
  });
});
