import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { capture, consentMode, edgewise, tcf } from "../../src/server.js";

suite("the SDK on a server", () => {
  test("decides the default for every placement, and does nothing else", async () => {
    edgewise.init({ writeKey: "key" });
    const { action, source, payload } = await edgewise.decide("hero");
    assert.deepEqual([action, source, payload], [null, "fallback", {}]);
    assert.equal((await edgewise("decide", "hero")).placement, "hero");
    edgewise.track("Signed Up");
    for (const start of [tcf, consentMode, capture]) start();
    edgewise.on("decision", () => assert.fail("no decision is emitted on a server"))();
  });
});
