import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, afterEach, before, test } from "node:test";
import { fixed, row } from "./policies.js";
import { disconnect, hold, respondWith } from "./proxy.js";
import { EMPTY } from "./site.js";
import { Stage } from "./stage.js";
import { eventually } from "./waiting.js";

const IDENTITY_SECRET = "an-identity-secret";
const POLICIES = {
  "hero.toml": fixed("hero", { headline: "Students save 10%" }),
  "side.toml": fixed("side", { headline: "On the side" }, "aside"),
  "row.toml": row("row", 3, ["sku-1", "sku-2", "sku-3", "sku-4"]),
  "site.toml": 'robots = "learn"\norigins = ["*"]\n',
};
const stage = new Stage(POLICIES, ["--identity-secret", IDENTITY_SECRET]);

before(() => stage.open());
after(() => stage.close());
afterEach(() => stage.clear());

test("decide resolves with all fields of the answer", async () => {
  const visit = await stage.visit(EMPTY);
  const decision = await visit.tab.evaluate(() => window.edgewise.decide("hero", { timeout: 20_000 }));
  assert.equal(decision.source, "policy");
  assert.deepEqual([decision.placement, decision.action, decision.group], ["hero", "deal", "policy"]);
  assert.deepEqual(decision.payload, { headline: "Students save 10%" });
  assert.equal(decision.propensity, 1);
  assert.match(decision.decisionId ?? "", /./);
  await visit.leave();
});

test("all placements in the markup share one request", async () => {
  for (const tag of ["head", "end", "blocking"] as const) {
    const visit = await stage.visit({
      tag,
      body: `<div data-edgewise="hero"></div><section><div data-edgewise="side"></div></section>
        <ul data-edgewise="row" data-edgewise-slots="2"></ul>`,
    });
    await visit.rendered();
    const asked = stage.proxy.decideRequests.map(({ placements }) => placements.map(({ id }) => id).sort());
    assert.deepEqual(asked, [["hero", "row", "side"]], tag);
    await visit.leave();
    await stage.clear();
  }
});

test("placements that the browser reports only after DOMContentLoaded go in the same request", async () => {
  const visit = await stage.visit({
    tag: "none",
    stub: true,
    // Chromium does so now and then, when it parses the end of the page.
    script: `MutationObserver = class extends MutationObserver {
      constructor(report) {
        super(() => document.readyState === "complete" ? report() : addEventListener("load", () => report()));
      }
    }`,
    body: `<div data-edgewise="hero"></div>${stage.script(' data-write-key="default" data-budget="20000"')}
      <section><div data-edgewise="side"></div></section><ul data-edgewise="row" data-edgewise-slots="2"></ul>`,
  });
  await visit.rendered();
  const asked = stage.proxy.decideRequests.map(({ placements }) => placements.map(({ id }) => id).sort());
  assert.deepEqual(asked, [["hero", "row", "side"]]);
  await visit.leave();
});

test("all decide calls of one turn share one request", async () => {
  const visit = await stage.visit(EMPTY);
  const made = await visit.tab.evaluate(() => {
    const { decide } = window.edgewise;
    const timeout = 20_000;
    return Promise.all([decide("hero", { timeout }), decide("side", { timeout })]);
  });
  assert.deepEqual(
    made.map(({ action, source }) => [action, source]),
    [
      ["deal", "policy"],
      ["aside", "policy"],
    ],
  );
  const asked = stage.proxy.decideRequests.map(({ placements }) => placements);
  assert.deepEqual(asked, [[{ id: "hero" }, { id: "side" }]]);
  await visit.leave();
});

test("a row has the requested number of slots, without the excluded actions", async () => {
  const visit = await stage.visit(EMPTY);
  const decision = await visit.tab.evaluate(() =>
    window.edgewise.decide("row", { slots: 2, exclude: ["sku-1", "sku-4"], timeout: 20_000 }),
  );
  assert.deepEqual(decision.slots?.map(({ action }) => action).sort(), ["sku-2", "sku-3"]);
  await visit.leave();
});

test("decide falls back at its timeout, and caches an answer that comes later", async () => {
  const visitor = await stage.visitor();
  const url = stage.put(EMPTY);
  const visit = await visitor.open(url);
  const { interceptor, release } = hold();
  stage.proxy.interceptors.set("/v1/decide", interceptor);
  const [decision, took] = await visit.tab.evaluate(async () => {
    const begun = performance.now();
    const made = await window.edgewise.decide("hero", { timeout: 150 });
    return [made, performance.now() - begun] as const;
  });
  assert.deepEqual([decision.source, decision.action, decision.decisionId], ["fallback", null, undefined]);
  assert.ok(took >= 149, `it took ${took} ms`);
  release();
  // The late answer has arrived once decide takes it from the cache, while the server is held again.
  await stage.proxy.until("the late answer", (proxy) => proxy.decideRequests[0]?.exchange.status === 200);
  stage.proxy.interceptors.set("/v1/decide", hold().interceptor);
  const again = await visitor.open(url);
  const cached = await again.tab.evaluate(async () => {
    for (;;) {
      const made = await window.edgewise.decide("hero", { timeout: 50 });
      if (made.source !== "fallback") return made;
    }
  });
  assert.deepEqual([cached.source, cached.action], ["cache", "deal"]);
  await again.leave();
});

test("decide falls back without an error if the server is down or its answer is invalid", async () => {
  const failures = {
    disconnect,
    html: respondWith("<html>Bad gateway</html>", 200, "text/html"),
    empty: respondWith(""),
    null: respondWith("null"),
    number: respondWith("5"),
    object: respondWith("{}"),
    list: respondWith("[]"),
    "no list": respondWith('{"decisions": 5}'),
    "too few": respondWith('{"decisions": []}'),
    nulls: respondWith('{"decisions": [null]}'),
    "other placement": respondWith('{"decisions": [{"placement": "other", "action": "x", "payload": {}}]}'),
    "cut short": respondWith('{"decisions": [{"placement": "her'),
    error: respondWith('{"error": {"code": "internal_error", "message": "?"}}', 500),
    refused: respondWith('{"error": {"code": "unauthorized", "message": "?"}}', 401),
    moved: respondWith("", 301),
  };
  stage.proxy.interceptors.set("/v1/decide", disconnect);
  const visit = await stage.visit(EMPTY);
  for (const [name, interceptor] of Object.entries(failures)) {
    stage.proxy.interceptors.set("/v1/decide", interceptor);
    const made = await visit.tab.evaluate(() => window.edgewise.decide("hero", { timeout: 20_000 }));
    assert.deepEqual([made.source, made.action, made.decisionId], ["fallback", null, undefined], name);
    // The server has not allowed storage.
    assert.deepEqual(await visit.stored(), {}, name);
  }
  await visit.leave();
});

test("a user id counts only with the proof in the tag, or of identify", async () => {
  const proven = (user: string) => createHmac("sha256", IDENTITY_SECRET).update(user).digest("hex");
  const held = async (user: string) => (await stage.service.export(user)).length;
  const tag = { "data-user-id": "ann", "data-user-hash": proven("ann") };
  const visit = await stage.visit({ ...EMPTY, attributes: tag });
  const [viewed] = await stage.proxy.waitFor("page");
  assert.deepEqual([viewed?.userId, viewed?.userHash], ["ann", proven("ann")]);
  await visit.leave();
  const wrong = await stage.visit({ ...EMPTY, attributes: { ...tag, "data-user-id": "bob" } });
  await wrong.tab.evaluate((hash) => {
    window.edgewise.identify("eve", { plan: "pro" });
    window.edgewise.identify("cid", { plan: "pro" }, { userHash: hash });
  }, proven("cid"));
  await stage.proxy.waitFor("identify", 2);
  await wrong.leave();
  await eventually("all messages to be recorded", async () => (await held("cid")) > 0);
  assert.ok(await held("ann"));
  assert.deepEqual([await held("bob"), await held("eve")], [0, 0]);
});

test("identify, track, page and reward send what they are given", async () => {
  const visit = await stage.visit(EMPTY);
  const decisionId = await visit.tab.evaluate(async () => {
    const { decide, identify, page, reward, track } = window.edgewise;
    const { decisionId } = await decide("hero", { timeout: 20_000 });
    identify("user-7", { plan: "pro" });
    track("Signed Up", { plan: "pro", seats: 3 });
    page({ type: "cart" });
    reward(decisionId ?? "", 0.5, 0);
    return decisionId;
  });
  const [reward] = await stage.proxy.waitFor("$reward");
  assert.deepEqual(reward?.properties, { decisionId, value: 0.5, slot: 0 });
  const [signedUp] = await stage.proxy.waitFor("Signed Up");
  assert.deepEqual([signedUp?.properties, signedUp?.userId], [{ plan: "pro", seats: 3 }, "user-7"]);
  await stage.proxy.until("two pages", (proxy) => proxy.received("page").at(-1)?.properties?.type === "cart");
  await visit.leave();
});

test("beforeSend can change or drop a message", async () => {
  const visit = await stage.visit({ tag: "none", stub: false, body: "", head: stage.script() });
  await visit.tab.evaluate((endpoint) => {
    window.edgewise.init({
      writeKey: "default",
      endpoint,
      manual: true,
      beforeSend: (message) => {
        if (message.event === "Dropped") return null;
        return { ...message, properties: { ...message.properties, seen: true } };
      },
    });
    window.edgewise.track("Dropped");
    window.edgewise.track("Changed");
  }, stage.proxy.url);
  const [changed] = await stage.proxy.waitFor("Changed");
  assert.deepEqual(changed?.properties, { seen: true });
  assert.deepEqual(stage.proxy.received("Dropped"), []);
  await visit.leave();
});

test("a path that changes before init reports one page view", async () => {
  const visit = await stage.visit({ tag: "none", stub: false, body: "", head: stage.script() });
  await visit.tab.evaluate((endpoint) => {
    history.pushState({}, "", "/cart");
    window.edgewise.init({ writeKey: "default", endpoint });
    document.body.append("Any change of the page");
    window.edgewise.track("Last");
  }, stage.proxy.url);
  await stage.proxy.waitFor("Last");
  assert.equal(stage.proxy.received("page").length, 1);
  await visit.leave();
});

test("handlers receive decisions and messages until they are removed", async () => {
  const visit = await stage.visit(EMPTY);
  const reported = await visit.tab.evaluate(async () => {
    const heard: string[] = [];
    const off = window.edgewise.on("event", ({ event }) => heard.push(event ?? ""));
    window.edgewise.on("decision", ({ placement, source }) => heard.push(placement, source));
    window.edgewise.track("One");
    off();
    window.edgewise.track("Two");
    await window.edgewise.decide("hero", { timeout: 20_000 });
    await new Promise((done) => setTimeout(done));
    return heard;
  });
  assert.deepEqual(reported, ["One", "hero", "policy"]);
  await visit.leave();
});

test("the SDK works on a page without TLS", async () => {
  const { port } = new URL(stage.site.url);
  const path = stage.put({
    tag: "blocking",
    body: `<p data-edgewise="hero" data-edgewise-fill="headline">Welcome</p>`,
  });
  const visit = await (await stage.visitor()).open(`http://shop.test:${port}${new URL(path).pathname}`);
  assert.equal(await visit.tab.evaluate(() => isSecureContext), false);
  assert.deepEqual(await visit.rendered(), { hero: "swapped" });
  await stage.proxy.waitFor("$impression");
  await visit.leave();
});
