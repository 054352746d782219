import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Stage } from "./stage.js";
import { eventually } from "./waiting.js";

const PAIR = `
placement = "pair"
baseline = "plain"
control = { share = 0.0 }
explore = { floor = 0.02 }
[reward]
window = "1s"
impression_within = "60s"
[reward.events]
"$click" = 1.0
[[actions]]
id = "plain"
payload = { headline = "Welcome" }
[[actions]]
id = "bold"
payload = { headline = "Look here!" }
`;
const PAGE = {
  tag: "blocking",
  body: `<a href="#x" data-edgewise="pair" data-edgewise-fill="headline">?</a>`,
} as const;
/** Clicks at once. After the impression, which takes a second, the reward window might close before the click. */
const CLICKED = { ...PAGE, script: `edgewise.on("render", ({ element }) => element.click())` };

const stage = new Stage({ "pair.toml": PAIR });

before(() => stage.open());
after(() => stage.close());

const learned = async (decisions: number): Promise<void> => {
  await eventually(`${decisions} decisions to be learned`, async () => {
    return ((await stage.service.report("pair")).model?.learnedDecisions ?? 0) >= decisions;
  });
};

/** A visitor who clicks only the bold action. */
async function visitor(number: number): Promise<void> {
  const named = { writeKey: "default", anonymousId: `visitor-${number}` };
  const answer = (await stage.service.post("/v1/decide", { ...named, placements: ["pair"], context: {} })) as {
    decisions: [{ decisionId: string; action: string }];
  };
  const [{ decisionId, action }] = answer.decisions;
  const messages = ["$impression", ...(action === "bold" ? ["$click"] : [])].map((event) => {
    return { type: "track", messageId: `${number}${event}`, event, properties: { decisionId } };
  });
  await stage.service.post("/v1/batch", {
    ...named,
    batch: messages.map((one) => ({ ...one, anonymousId: named.anonymousId })),
  });
}

test("the action that visitors click is shown more often", async () => {
  const first = await stage.visit(CLICKED);
  await first.rendered();
  const [decision] = await first.decisions();
  assert.equal(decision?.propensity, 0.5, "the model has not learned yet");
  await stage.proxy.waitFor("$click");
  await first.leave();
  await learned(1);
  const [clicked] = (await stage.service.report("pair")).actions.filter(({ id }) => id === decision?.action);
  assert.equal(clicked?.meanReward, 1);

  const visitors = 240;
  for (let number = 0; number < visitors; number += 20) {
    await Promise.all(Array.from({ length: 20 }, (_, i) => visitor(number + i)));
  }
  await learned(visitors + 1);

  // A worker loads the new model shortly after.
  await eventually("the page to show the clicked action", async () => {
    const visit = await stage.visit(PAGE);
    await visit.rendered();
    const [shown] = await visit.decisions();
    assert.equal(await visit.text("a"), shown?.action === "bold" ? "Look here!" : "Welcome");
    await visit.leave();
    return shown?.action === "bold" && (shown.propensity ?? 0) > 0.8;
  });
});
