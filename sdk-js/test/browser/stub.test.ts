import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import type { Edgewise } from "../../src/types.js";
import { fixed } from "./policies.js";
import { disconnect, hold } from "./proxy.js";
import { EMPTY } from "./site.js";
import { Stage } from "./stage.js";
import { STUB } from "./stub.js";

const POLICIES = {
  "hero.toml": fixed("hero", { headline: "Students save 10%" }),
  "site.toml": 'robots = "learn"\norigins = ["*"]\n',
};
const stage = new Stage(POLICIES);

before(() => stage.open());
after(() => stage.close());
afterEach(() => stage.clear());

test("the stub keeps calls in order, and their promises resolve", async () => {
  const visit = await stage.visit({
    tag: "end",
    stub: true,
    body: "<p>Nothing</p>",
    script: `edgewise.track("First"); edgewise("track", "Second");
      early = edgewise.decide("hero", {timeout: 20000}); edgewise.identify("user-1", {plan: "pro"})`,
  });
  const decision = await visit.tab.evaluate(() => (window as unknown as { early: Promise<{ source: string }> }).early);
  assert.equal(decision.source, "policy");
  const [identified] = await stage.proxy.waitFor("identify");
  assert.deepEqual([identified?.userId, (identified as { traits?: object }).traits], ["user-1", { plan: "pro" }]);
  const reported = stage.proxy.arrived.filter(({ type }) => type === "track").map(({ event }) => event);
  assert.deepEqual(reported, ["First", "Second"]);
  await visit.leave();
});

test("a reference to the stub still works after the script has loaded", async () => {
  const visit = await stage.visit({ ...EMPTY, tag: "head", script: "kept = edgewise; ({ track } = edgewise)" });
  await visit.tab.waitForFunction(() => !("q" in window.edgewise));
  const decision = await visit.tab.evaluate(() => {
    const { kept, track } = window as unknown as { kept: Edgewise; track: Edgewise["track"] };
    kept.track("Kept");
    track("Taken out");
    return kept.decide("hero", { timeout: 20_000 });
  });
  assert.deepEqual([decision.source, decision.action], ["policy", "deal"]);
  await Promise.all([stage.proxy.waitFor("Kept"), stage.proxy.waitFor("Taken out")]);
  await visit.leave();
});

test("options from a queued init apply to all messages", async () => {
  const script = `edgewise.on("event", () => {}); edgewise.track("Early");
    edgewise.init({ beforeSend: (message) => ({ ...message, properties: { stamped: true } }) })`;
  const visit = await stage.visit({ ...EMPTY, tag: "head", script });
  await Promise.all([stage.proxy.waitFor("page"), stage.proxy.waitFor("Early")]);
  assert.deepEqual(
    stage.proxy.arrived.map(({ properties }) => properties),
    [{ stamped: true }, { stamped: true }],
  );
  await visit.leave();
});

test("a queued call that fails is logged, and does not stop the others", async () => {
  const visit = await stage.visit({
    ...EMPTY,
    tag: "head",
    script: `edgewise.trak("Misspelt"); edgewise.track("After")`,
  });
  await stage.proxy.waitFor("After");
  // The driver reports errors in order, so the next answer comes after them.
  await visit.stored();
  const [error, ...more] = visit.visitor.errors.splice(0);
  assert.match(error ?? "", /TypeError.*not a function/);
  assert.deepEqual(more, []);
  await visit.leave();
});

test("the timeout of a queued decide starts at the call", async () => {
  const { interceptor, release } = hold();
  stage.proxy.interceptors.set("/edgewise.js", interceptor);
  stage.proxy.interceptors.set("/v1", hold().interceptor);
  const visitor = await stage.visitor();
  const tab = await visitor.context.newPage();
  // If the timeout started when the script loads (600 ms), the timer of 1400 ms would come first.
  const script = `order = []; called = performance.now(); done = Promise.all([
    edgewise.decide("hero", { timeout: 1000 }).then(() => order.push("decided")),
    new Promise((done) => setTimeout(done, 1400)).then(() => order.push("later")) ])`;
  await tab.goto(stage.put({ ...EMPTY, tag: "head", script }), { waitUntil: "commit" });
  await tab.waitForFunction(() => performance.now() > (window as unknown as { called: number }).called + 600);
  release();
  const order = await tab.evaluate(async () => {
    const page = window as unknown as { done: Promise<void>; order: string[] };
    await page.done;
    return page.order;
  });
  assert.deepEqual(order, ["decided", "later"]);
  await tab.close();
});

test("the SDK starts even if an element has the id edgewise", async () => {
  const visit = await stage.visit({
    tag: "end",
    stub: false,
    // Has the effect of `id="edgewise"`, which the test's own property prevents.
    script: `edgewise = document.createElement("section")`,
    head: `<style nonce="bm9uY2U">#above{height:1500px}</style>`,
    body: `<div id="above"></div><p data-edgewise="hero" data-edgewise-fill="headline">Welcome</p>`,
  });
  assert.deepEqual(await visit.rendered(), { hero: "swapped" });
  await visit.leave();
});

test("a script of the page may declare a constant with the name edgewise", async () => {
  const visit = await stage.visit({
    ...EMPTY,
    stub: false,
    head: `<script nonce="bm9uY2U">const edgewise = window.edgewise; edgewise.track("By a constant")</script>`,
  });
  await stage.proxy.waitFor("By a constant");
  await visit.leave();
});

test("a page with two stubs and two tags starts the SDK once", async () => {
  const again = `<script nonce="bm9uY2U">${STUB}</script>${stage.script(' data-write-key="default"')}`;
  const visit = await stage.visit({
    tag: "blocking",
    head: `${again}<script nonce="bm9uY2U">edgewise.track("Once")</script>`,
    body: `<p data-edgewise="hero" data-edgewise-fill="headline">Welcome</p>`,
  });
  await visit.rendered();
  await stage.proxy.waitFor("Once");
  const arrived = stage.proxy.arrived.filter(({ event }) => event !== "$impression");
  assert.deepEqual(
    arrived.map(({ type }) => type),
    ["page", "track"],
  );
  assert.equal(stage.proxy.decideRequests.length, 1);
  await visit.leave();
});

test("decide falls back at its timeout if the script never loads", async () => {
  stage.proxy.interceptors.set("/edgewise.js", disconnect);
  const visit = await stage.visit({ tag: "head", stub: true, body: "<p>Nothing</p>" });
  const decision = await visit.tab.evaluate(() => window.edgewise.decide("hero", { timeout: 100 }));
  assert.equal(decision.source, "fallback");
  await visit.leave();
});

test("a second init or tag does not start the SDK again", async () => {
  const tag = stage.script(' data-write-key="default" data-budget="20000"');
  const visit = await stage.visit({
    tag: "none",
    stub: false,
    head: tag + tag,
    body: `<div data-edgewise="hero"></div>`,
  });
  await visit.rendered();
  await visit.tab.evaluate((endpoint) => {
    window.edgewise.init({ writeKey: "default", endpoint });
    window.edgewise.track("Last");
  }, stage.proxy.url);
  await stage.proxy.waitFor("Last");
  assert.equal(stage.proxy.decideRequests.length, 1);
  assert.equal(stage.proxy.received("page").length, 1);
  await visit.leave();
});
