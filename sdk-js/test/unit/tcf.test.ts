import assert from "node:assert/strict";
import { beforeEach, suite, test } from "node:test";
import { tcf } from "../../src/tcf.js";

/** What the platform tells its listener. */
let tell: (told: object | null) => void;
let said: string[];
const client = { consent: (state: string) => void said.push(state) };

const told = (eventStatus: string, consents: number[], gdprApplies?: boolean) => ({
  eventStatus,
  gdprApplies,
  purpose: { consents: Object.fromEntries(consents.map((purpose) => [purpose, true])) },
});

suite("the consent of a TCF platform", () => {
  beforeEach(() => {
    said = [];
    const __tcfapi = (command: string, version: number, listener: typeof tell) => {
      assert.deepEqual([command, version], ["addEventListener", 2]);
      tell = listener;
    };
    Object.assign(globalThis, { window: { __tcfapi } });
  });

  test("is granted where all purposes are agreed to, and denied where one is not", () => {
    tcf(client);
    assert.deepEqual(said, [], "nobody has said anything yet");
    tell(told("useractioncomplete", [1, 2, 5, 6, 8], true));
    tell(told("useractioncomplete", [1, 5, 6], true));
    tell(told("tcloaded", [], true));
    assert.deepEqual(said, ["granted", "denied", "denied"]);
  });

  test("looks at the purposes that the page names, as numbers or as an attribute has them", () => {
    for (const purposes of [[1, 3], "1,3".split(",")]) {
      tcf(client, purposes);
      tell(told("tcloaded", [1, 3]));
      tell(told("tcloaded", [1, 5, 6, 8]));
    }
    assert.deepEqual(said, ["granted", "denied", "granted", "denied"]);
  });

  test("is granted where the GDPR does not apply", () => {
    tcf(client);
    tell(told("tcloaded", [], false));
    assert.deepEqual(said, ["granted"]);
  });

  test("stays what it was while the visitor is being asked, and where the platform cannot tell", () => {
    tcf(client);
    tell(told("cmpuishown", [], true));
    tell(told("cmpuishown", [1, 5, 6, 8], true));
    tell(null);
    assert.deepEqual(said, []);
  });
});
