import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { capture, consentMode, edgewise, tcf } from "../../src/server.js";

suite("a server that renders pages", () => {
  test("may import the SDK, and gets the default of every placement", async () => {
    edgewise.init({ writeKey: "key" });
    const { action, source, payload } = await edgewise.decide("hero");
    assert.deepEqual([action, source, payload], [null, "fallback", {}]);
    assert.equal((await edgewise("decide", "hero")).placement, "hero");
    edgewise.track("Signed Up");
    for (const further of [tcf, consentMode, capture]) further();
    edgewise.on("decision", () => assert.fail("nothing is decided here"))();
  });
});
