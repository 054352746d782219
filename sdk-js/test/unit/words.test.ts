import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Weighed } from "../../src/debug/explained.js";
import { age, percent, refusal, shown, why } from "../../src/debug/words.js";
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

const explained = (mode: string, enabled: boolean, ...refused: (Weighed["refused"] | null)[]) => ({
  debug: {
    mode,
    enabled,
    modelAgeSeconds: 3,
    actions: refused.map((one, i) => ({ id: `a${i}`, propensity: null, refused: one })),
  },
});

suite("what the debugger says", () => {
  for (const [what, decision, expected] of [
    ["a draw", DRAWN, "Drawn by the policy with a probability of 62 %."],
    [
      "a draw, explained",
      { ...DRAWN, ...explained("online", true, null, null, "condition") },
      "Drawn by the policy with a probability of 62 % among 2 eligible actions.",
    ],
    ["a row", { ...DRAWN, slots: [DRAWN], ...explained("online", true, null) }, "Drawn by the policy among 1 eligible action."],
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
    ["a pin", { ...DRAWN, group: "pinned" }, "A pin, a rule of the policy, shows it."],
    ["a preview", { ...DRAWN, group: "preview" }, "You asked for it."],
    [
      "the baseline in place of an answer",
      { ...DRAWN, group: "fallback", source: "fallback" },
      "The server could not decide in time, so this is the baseline.",
    ],
    [
      "no answer",
      { ...DRAWN, action: null, group: "fallback", source: "fallback", policyVersion: null },
      "The server gave no answer in time, so the default content stays.",
    ],
    [
      "an answer of before",
      { ...DRAWN, source: "cache" },
      "Drawn by the policy with a probability of 62 %, some time ago, as the server did not answer in time.",
    ],
    [
      "a policy that is off",
      { ...DRAWN, group: "none", ...explained("online", false) },
      "The policy is switched off: everyone gets the baseline.",
    ],
    ["a placement without a policy", { ...DRAWN, group: "none", policyVersion: null }, "The site has no such placement."],
    ["nothing that may be shown", { ...DRAWN, group: "none" }, "No action may be shown to this visitor."],
  ] as [string, Decision, string][]) {
    test(`of ${what}`, () => assert.equal(why(decision), expected));
  }

  test("shares to a tenth where they are small", () => {
    assert.deepEqual([0, 0.004, 0.019, 0.1, 0.984, 1].map(percent), ["0 %", "0.4 %", "1.9 %", "10 %", "98 %", "100 %"]);
  });

  test("ages to one unit", () => {
    assert.deepEqual([0.2, 59.9, 60, 3599, 3600, 200_000].map(age), [
      "0 s old",
      "59 s old",
      "1 min old",
      "59 min old",
      "1 h old",
      "2 d old",
    ]);
  });

  test("what is shown: an action, those of a row, or the default", () => {
    const slots = ["a", "b"].map((action) => ({ action, payload: {} }));
    assert.deepEqual(
      [shown(DRAWN), shown({ ...DRAWN, action: null, slots }), shown({ ...DRAWN, action: null })],
      ["deal", "a, b", "the default content"],
    );
  });

  test("what speaks against an action", () => {
    const said = (refused: Weighed["refused"]) => refusal({ id: "a", propensity: null, refused });
    assert.deepEqual([said("condition"), said("time"), said(null)], ["condition not met", "not at this time", "not known"]);
  });
});
