import assert from "node:assert/strict";
import { beforeEach, suite, test } from "node:test";
import { tcf } from "../../src/tcf.js";

/** Calls the listener of the SDK. */
let notify: (tcData: object | null) => void;
let states: string[];
const client = { consent: (state: string) => void states.push(state) };

const tcData = (eventStatus: string, consents: number[], gdprApplies?: boolean) => ({
  eventStatus,
  gdprApplies,
  purpose: { consents: Object.fromEntries(consents.map((purpose) => [purpose, true])) },
});

suite("consent from a TCF platform", () => {
  beforeEach(() => {
    states = [];
    const __tcfapi = (command: string, version: number, listener: typeof notify) => {
      assert.deepEqual([command, version], ["addEventListener", 2]);
      notify = listener;
    };
    Object.assign(globalThis, { window: { __tcfapi } });
  });

  test("is granted if the visitor agrees to all purposes, and denied otherwise", () => {
    tcf(client);
    assert.deepEqual(states, [], "there is no answer yet");
    notify(tcData("useractioncomplete", [1, 2, 5, 6, 8], true));
    notify(tcData("useractioncomplete", [1, 5, 6], true));
    notify(tcData("tcloaded", [], true));
    assert.deepEqual(states, ["granted", "denied", "denied"]);
  });

  test("can depend on other purposes, given as numbers or strings", () => {
    for (const purposes of [[1, 3], "1,3".split(",")]) {
      tcf(client, purposes);
      notify(tcData("tcloaded", [1, 3]));
      notify(tcData("tcloaded", [1, 5, 6, 8]));
    }
    assert.deepEqual(states, ["granted", "denied", "granted", "denied"]);
  });

  test("is granted if the GDPR does not apply", () => {
    tcf(client);
    notify(tcData("tcloaded", [], false));
    assert.deepEqual(states, ["granted"]);
  });

  test("does not change while the platform asks the visitor, or if the platform fails", () => {
    tcf(client);
    notify(tcData("cmpuishown", [], true));
    notify(tcData("cmpuishown", [1, 5, 6, 8], true));
    notify(null);
    assert.deepEqual(states, []);
  });
});
