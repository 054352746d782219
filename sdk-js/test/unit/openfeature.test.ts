import assert from "node:assert/strict";
import { afterEach, beforeEach, suite, test } from "node:test";
import { OpenFeature } from "@openfeature/web-sdk";
import { edgewiseProvider } from "../../src/openfeature.js";
import type { DecideOptions, Decision } from "../../src/types.js";

const DECISION: Decision = {
  placement: "hero",
  decisionId: "d1",
  action: "deal",
  payload: { headline: "Save 10%", value: 0.1 },
  propensity: 0.5,
  group: "policy",
  source: "policy",
};
const FALLBACK: Decision = {
  placement: "hero",
  decisionId: null,
  action: null,
  payload: {},
  group: "fallback",
  source: "fallback",
};

/** A client with fixed answers that records its calls. */
class Client {
  answers: { [placement: string]: Decision | Promise<Decision> } = { hero: DECISION };
  readonly calls: unknown[][] = [];

  readonly decide = async (placement: string, options?: DecideOptions): Promise<Decision> => {
    this.calls.push(["decide", placement, options?.context?.data]);
    return this.answers[placement] ?? { ...FALLBACK, placement };
  };
  readonly identify = (...args: unknown[]): void => void this.calls.push(["identify", ...args]);
  readonly reward = (...args: unknown[]): void => void this.calls.push(["reward", ...args]);
  readonly track = (...args: unknown[]): void => void this.calls.push(["track", ...args]);

  /** The calls since the last use of this method. */
  takeCalls(): unknown[][] {
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

  test("an object flag is the payload, with the action as variant and the source as reason", async () => {
    await serve("hero");
    const details = flags.getObjectDetails("hero", {});
    assert.deepEqual(details.value, DECISION.payload);
    assert.deepEqual([details.variant, details.reason, details.errorCode], ["deal", "policy", undefined]);
  });

  test("other flags are the payload's value, and a string flag without one is the action's id", async () => {
    await serve("hero");
    assert.equal(flags.getNumberValue("hero", 1), 0.1);
    assert.equal(flags.getStringValue("hero", "plain"), "deal");
    assert.equal(flags.getBooleanValue("hero", true), true);
    client.answers = { hero: { ...DECISION, payload: { value: false } } };
    await serve("hero");
    assert.equal(flags.getBooleanValue("hero", true), false);
    client.answers = { hero: { ...DECISION, payload: { value: "red" } } };
    await serve("hero");
    assert.equal(flags.getStringValue("hero", "plain"), "red");
  });

  test("an object flag for a row is the list of its slots", async () => {
    const slots = [1, 2].map((price) => ({ action: `sku-${price}`, payload: { price }, propensity: 0.5 }));
    client.answers = { row: { ...DECISION, placement: "row", action: null, payload: {}, slots } };
    await serve("row");
    assert.deepEqual(flags.getObjectValue("row", []), slots);
  });

  test("a flag without an action has its default value", async () => {
    client.answers = { hero: FALLBACK };
    await serve("hero");
    assert.deepEqual(flags.getObjectValue("hero", { headline: "Welcome" }), { headline: "Welcome" });
    assert.equal(flags.getStringDetails("hero", "plain").reason, "fallback");
    assert.equal(flags.getStringValue("hero", "plain"), "plain");
    assert.deepEqual(client.takeCalls(), [], "no impression is reported");
  });

  test("a flag that the provider does not know is not found", async () => {
    await serve("hero");
    const { value, errorCode } = flags.getStringDetails("footer", "plain");
    assert.deepEqual([value, errorCode], ["plain", "FLAG_NOT_FOUND"]);
  });

  test("the first evaluation reports the impression", async () => {
    await serve("hero");
    flags.getObjectValue("hero", {});
    flags.getStringValue("hero", "");
    assert.deepEqual(client.takeCalls(), [["track", "$impression", { decisionId: "d1", action: "deal" }]]);
  });

  test("a new context identifies the user, and decides again", async () => {
    await serve("hero");
    client.answers = { hero: { ...DECISION, decisionId: "d2", action: "other" } };
    await OpenFeature.setContext({ targetingKey: "ann", userHash: "abc", plan: "pro" });
    assert.deepEqual(client.takeCalls(), [
      ["identify", "ann", undefined, { userHash: "abc" }],
      ["decide", "hero", { plan: "pro" }],
    ]);
    assert.equal(flags.getStringValue("hero", ""), "other");
    assert.deepEqual(client.takeCalls(), [["track", "$impression", { decisionId: "d2", action: "other" }]]);
  });

  test("the later of two contexts counts, even if its answer comes first", async () => {
    await serve("hero");
    let answer: (decision: Decision) => void = () => undefined;
    client.answers = { hero: new Promise((resolve) => (answer = resolve)) };
    const first = OpenFeature.setContext({ plan: "free" });
    client.answers = { hero: { ...DECISION, action: "for pro" } };
    await OpenFeature.setContext({ plan: "pro" });
    answer({ ...DECISION, action: "for free" });
    await first;
    assert.equal(flags.getStringValue("hero", ""), "for pro");
  });

  test("tracking a flag rewards its decision, and tracking another name reports an event", async () => {
    await serve("hero");
    flags.track("hero", { value: 3 });
    assert.deepEqual(client.takeCalls(), [["track", "hero", { value: 3 }]], "the flag was not evaluated yet");
    flags.getObjectValue("hero", {});
    flags.track("hero", { value: 3 });
    flags.track("hero");
    flags.track("Signed Up", { plan: "pro" });
    assert.deepEqual(client.takeCalls().slice(1), [
      ["reward", "d1", 3],
      ["reward", "d1", 1],
      ["track", "Signed Up", { plan: "pro" }],
    ]);
  });
});
