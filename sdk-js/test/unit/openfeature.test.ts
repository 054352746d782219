import assert from "node:assert/strict";
import { afterEach, beforeEach, suite, test } from "node:test";
import { OpenFeature } from "@openfeature/web-sdk";
import { edgewiseProvider } from "../../src/openfeature.js";
import type { DecideOptions, Decision } from "../../src/types.js";

const DECIDED: Decision = {
  placement: "hero",
  decisionId: "d1",
  action: "deal",
  payload: { headline: "Save 10%", value: 0.1 },
  propensity: 0.5,
  group: "policy",
  source: "policy",
};
const NOTHING: Decision = {
  placement: "hero",
  decisionId: null,
  action: null,
  payload: {},
  group: "fallback",
  source: "fallback",
};

/** A client that answers what it is told to, and remembers what it was asked and told. */
class Client {
  answers: { [placement: string]: Decision | Promise<Decision> } = { hero: DECIDED };
  readonly calls: unknown[][] = [];

  readonly decide = async (placement: string, options?: DecideOptions): Promise<Decision> => {
    this.calls.push(["decide", placement, options?.context?.data]);
    return this.answers[placement] ?? { ...NOTHING, placement };
  };
  readonly identify = (...said: unknown[]): void => void this.calls.push(["identify", ...said]);
  readonly reward = (...said: unknown[]): void => void this.calls.push(["reward", ...said]);
  readonly track = (...said: unknown[]): void => void this.calls.push(["track", ...said]);

  /** What it was told since it was last asked. */
  get told(): unknown[][] {
    return this.calls.splice(0);
  }
}

suite("placements as feature flags", () => {
  let client: Client;
  const flags = OpenFeature.getClient();
  const serve = async (...placements: string[]) => {
    await OpenFeature.setProviderAndWait(edgewiseProvider(client, placements));
    client.calls.length = 0;
  };

  beforeEach(() => {
    client = new Client();
  });
  afterEach(() => OpenFeature.clearProviders().then(() => OpenFeature.setContext({})));

  test("an object flag is the payload, with the action as its variant and where it came from as the reason", async () => {
    await serve("hero");
    const details = flags.getObjectDetails("hero", {});
    assert.deepEqual(details.value, DECIDED.payload);
    assert.deepEqual([details.variant, details.reason, details.errorCode], ["deal", "policy", undefined]);
  });

  test("any other flag is the payload's value where that is of its type; a text is the action's id without one", async () => {
    await serve("hero");
    assert.equal(flags.getNumberValue("hero", 1), 0.1);
    assert.equal(flags.getStringValue("hero", "plain"), "deal");
    assert.equal(flags.getBooleanValue("hero", true), true);
    client.answers = { hero: { ...DECIDED, payload: { value: false } } };
    await serve("hero");
    assert.equal(flags.getBooleanValue("hero", true), false);
    client.answers = { hero: { ...DECIDED, payload: { value: "red" } } };
    await serve("hero");
    assert.equal(flags.getStringValue("hero", "plain"), "red");
  });

  test("a row is its slots", async () => {
    const slots = [1, 2].map((price) => ({ action: `sku-${price}`, payload: { price }, propensity: 0.5 }));
    client.answers = { row: { ...DECIDED, placement: "row", action: null, payload: {}, slots } };
    await serve("row");
    assert.deepEqual(flags.getObjectValue("row", []), slots);
  });

  test("where nothing was decided, the default is what is used", async () => {
    client.answers = { hero: NOTHING };
    await serve("hero");
    assert.deepEqual(flags.getObjectValue("hero", { headline: "Welcome" }), { headline: "Welcome" });
    assert.equal(flags.getStringDetails("hero", "plain").reason, "fallback");
    assert.equal(flags.getStringValue("hero", "plain"), "plain");
    assert.deepEqual(client.told, [], "and no impression is told of");
  });

  test("a flag that was not named is not found", async () => {
    await serve("hero");
    const { value, errorCode } = flags.getStringDetails("footer", "plain");
    assert.deepEqual([value, errorCode], ["plain", "FLAG_NOT_FOUND"]);
  });

  test("the first evaluation is the decision's impression", async () => {
    await serve("hero");
    flags.getObjectValue("hero", {});
    flags.getStringValue("hero", "");
    assert.deepEqual(client.told, [["track", "$impression", { decisionId: "d1", action: "deal" }]]);
  });

  test("another context identifies the user, and is decided anew", async () => {
    await serve("hero");
    client.answers = { hero: { ...DECIDED, decisionId: "d2", action: "other" } };
    await OpenFeature.setContext({ targetingKey: "ann", plan: "pro" });
    assert.deepEqual(client.told, [
      ["identify", "ann"],
      ["decide", "hero", { plan: "pro" }],
    ]);
    assert.equal(flags.getStringValue("hero", ""), "other");
    assert.deepEqual(client.told, [["track", "$impression", { decisionId: "d2", action: "other" }]]);
  });

  test("of two contexts the later one holds, whichever is answered first", async () => {
    await serve("hero");
    let answer: (decision: Decision) => void = () => undefined;
    client.answers = { hero: new Promise((resolve) => (answer = resolve)) };
    const first = OpenFeature.setContext({ plan: "free" });
    client.answers = { hero: { ...DECIDED, action: "for pro" } };
    await OpenFeature.setContext({ plan: "pro" });
    answer({ ...DECIDED, action: "for free" });
    await first;
    assert.equal(flags.getStringValue("hero", ""), "for pro");
  });

  test("to track a flag is to reward what was evaluated; anything else is an event", async () => {
    await serve("hero");
    flags.track("hero", { value: 3 });
    assert.deepEqual(client.told, [["track", "hero", { value: 3 }]], "nobody has seen it yet");
    flags.getObjectValue("hero", {});
    flags.track("hero", { value: 3 });
    flags.track("hero");
    flags.track("Signed Up", { plan: "pro" });
    assert.deepEqual(client.told.slice(1), [
      ["reward", "d1", 3],
      ["reward", "d1", 1],
      ["track", "Signed Up", { plan: "pro" }],
    ]);
  });
});
