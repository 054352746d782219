import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import type { Rendered } from "../../src/types.js";
import { fixed } from "./policies.js";
import { disconnect, hold, type Interceptor, respondWith } from "./proxy.js";
import { NONCE, type Page } from "./site.js";
import { Stage } from "./stage.js";
import type { Visit } from "./visit.js";

const stage = new Stage({
  "hero.toml": fixed("hero", { headline: "Students save 10%" }),
  "tall.toml": fixed("tall", { headline: "A long text. ".repeat(200) }),
  "short.toml": fixed("short", { headline: "Hi" }),
});
const HERO = `<div data-edgewise="hero"><h1 data-edgewise-fill="headline">Welcome</h1></div>
  <p id="next">The next paragraph</p>`;
const isShown = (selector: string): boolean => {
  const element = document.querySelector(selector);
  return !!element && getComputedStyle(element).visibility === "visible";
};

before(() => stage.open());
after(() => stage.close());
afterEach(() => stage.clear());

/** Waits until the visitor has seen the hero in a frame. */
async function seen(visit: Visit): Promise<void> {
  await visit.tab.waitForFunction(() => window.watched.seen.hero?.length);
}

/**
 * Ends the time for which placements are hidden, once the script has sent its decide request. A short time would not
 * do: on a slow machine, the script would find the placements shown already, and hide them for its own budget.
 */
async function unhide(visit: Visit): Promise<void> {
  await stage.proxy.until("the decide request", ({ decideRequests }) => decideRequests.length > 0);
  await visit.tab.evaluate(() => {
    for (const animation of document.getAnimations()) animation.finish();
  });
}

for (const tag of ["head", "end", "blocking"] as const) {
  for (const stub of [true, false]) {
    const where = { head: "in the head", end: "at the end of the body", blocking: "before all content" }[tag];
    test(`the tag ${where}, ${stub ? "with" : "without"} the stub, never swaps content that was seen`, async () => {
      const visit = await stage.visit({ tag, stub, body: HERO });
      const { hero } = await visit.rendered();
      const text = await visit.text("h1");
      assert.equal(text, hero === "swapped" ? "Students save 10%" : "Welcome");
      // Without the stub, the browser may paint the default before the script loads.
      if (stub || tag === "blocking") assert.equal(hero, "swapped");
      else assert.ok(hero === "swapped" || hero === "late", hero);
      const [seen, ...more] = (await visit.check()).seen.hero ?? [];
      assert.deepEqual([seen ?? text, more], [text, []]);
      await visit.leave();
    });
  }
}

const FAILURES: Record<string, Interceptor> = {
  "is slow": hold().interceptor,
  "is down": disconnect,
  "sends an invalid answer": respondWith("<html>Welcome to nginx!</html>", 200, "text/html"),
  fails: respondWith('{"error": {"code": "internal_error"}}', 500),
};

for (const [failure, interceptor] of Object.entries(FAILURES)) {
  test(`the default appears in time, and nothing moves, if the server ${failure}`, async () => {
    stage.proxy.interceptors.set("/v1", interceptor);
    for (const page of [{ tag: "head" }, { tag: "end" }, { tag: "blocking", stub: false }] as Partial<Page>[]) {
      const visit = await stage.visit({ ...page, hidden: 200, body: HERO });
      await seen(visit);
      assert.equal(await visit.text("h1"), "Welcome");
      assert.notEqual((await visit.rendered()).hero, "swapped");
      await visit.leave();
    }
  });
}

test("the default appears in time if the script never loads", async () => {
  for (const interceptor of [disconnect, hold().interceptor, respondWith("throw 5", 200, "text/javascript")]) {
    stage.proxy.interceptors.set("/edgewise.js", interceptor);
    const visitor = await stage.visitor();
    const tab = await visitor.context.newPage();
    await tab.goto(stage.put({ hidden: 200, body: HERO }), { waitUntil: "commit" });
    await tab.waitForFunction(isShown, "h1");
    assert.equal(await tab.locator("h1").innerText(), "Welcome");
    await tab.close();
  }
});

test("the default is hidden until the decision comes", async () => {
  const { interceptor, release } = hold();
  stage.proxy.interceptors.set("/v1", interceptor);
  const visit = await stage.visit({ body: HERO });
  assert.equal(await visit.tab.evaluate(isShown, "h1"), false);
  assert.equal(await visit.tab.evaluate(isShown, "#next"), true);
  release();
  await seen(visit);
  assert.equal(await visit.text("h1"), "Students save 10%");
  await visit.leave();
});

// Many sites do this for visitors who prefer reduced motion.
const STILL = `<style nonce="${NONCE}">
  *{animation:none!important;animation-duration:.01ms!important;transition:none!important}</style>`;

for (const page of [{ stub: true }, { tag: "blocking", stub: false }] as Partial<Page>[]) {
  test(`the default is hidden if the site stops animations, ${page.stub ? "with" : "without"} the stub`, async () => {
    const { interceptor, release } = hold();
    stage.proxy.interceptors.set("/v1", interceptor);
    const visit = await stage.visit({ ...page, head: STILL, body: HERO });
    assert.equal(await visit.tab.evaluate(isShown, "h1"), false);
    release();
    await seen(visit);
    assert.deepEqual((await visit.check()).seen.hero, ["Students save 10%"]);
    await visit.leave();
  });
}

test("a late answer does not swap content that was seen, even after it is scrolled out of sight", async () => {
  const { interceptor, release } = hold();
  stage.proxy.interceptors.set("/v1/decide", interceptor);
  const below = `<div id="above"></div>${HERO}`;
  const style = `<style nonce="bm9uY2U">#above{height:1500px}</style>`;
  const visit = await stage.visit({
    head: style,
    body: below,
    script: "addEventListener('DOMContentLoaded', () => scrollTo(0, 1400))",
  });
  await unhide(visit);
  await seen(visit);
  await visit.tab.evaluate(() => scrollTo(0, 0));
  await visit.tab.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  release();
  assert.deepEqual(await visit.rendered(), { hero: "late" });
  await visit.tab.evaluate(() => scrollTo(0, 1400));
  await seen(visit);
  assert.equal(await visit.text("h1"), "Welcome");
  assert.deepEqual((await visit.check()).seen.hero, ["Welcome"]);
  stage.proxy.interceptors.set("/v1/decide", hold().interceptor);
  const next = await visit.visitor.open(stage.put({ body: HERO, attributes: { "data-budget": "100" } }));
  assert.deepEqual(await next.rendered(), { hero: "swapped" }, "from the cache");
  await next.leave();
});

test("a late answer swaps content below the viewport", async () => {
  const { interceptor, release } = hold();
  stage.proxy.interceptors.set("/v1/decide", interceptor);
  const visit = await stage.visit({
    head: `<style nonce="bm9uY2U">#above{height:1500px}</style>`,
    body: `<div id="above"></div>${HERO}`,
  });
  await unhide(visit);
  await visit.tab.waitForFunction(isShown, "h1");
  release();
  assert.deepEqual(await visit.rendered(), { hero: "swapped" });
  await visit.tab.evaluate(() => document.querySelector("h1")?.scrollIntoView());
  await seen(visit);
  assert.deepEqual((await visit.check()).seen.hero, ["Students save 10%"]);
  await visit.leave();
});

test("content that needs more room is not shown, and has no impression", async () => {
  const { interceptor, release } = hold();
  stage.proxy.interceptors.set("/v1/decide", interceptor);
  const visit = await stage.visit({
    head: `<style nonce="bm9uY2U">[data-edgewise=tall]{min-height:0!important}</style>`,
    body: `<div data-edgewise="tall"><p data-edgewise-fill="headline">Welcome</p></div><p>The next paragraph</p>
      <div data-edgewise="short"><p data-edgewise-fill="headline">Hello</p></div>`,
  });
  // The page has been painted without the placement.
  await visit.tab.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length);
  release();
  assert.deepEqual(await visit.rendered(), { tall: "moved", short: "swapped" });
  assert.equal(await visit.text("[data-edgewise=tall]"), "Welcome");
  // Both are in sight since the same frame, so their impressions would be reported together.
  const impressions = await stage.proxy.waitFor("$impression");
  const [short] = (await visit.decisions()).filter(({ placement }) => placement === "short");
  assert.deepEqual(
    impressions.map(({ properties }) => properties?.decisionId),
    [short?.decisionId],
  );
  await visit.leave();
});

test("smaller content keeps the box of the default", async () => {
  const { interceptor, release } = hold();
  stage.proxy.interceptors.set("/v1/decide", interceptor);
  const text = "A long text. ".repeat(200);
  const visit = await stage.visit({
    head: `<style nonce="bm9uY2U">#box{min-height:0;padding:3px;border:1px solid;width:333.3px}</style>`,
    body: `<div id="box" data-edgewise="short"><p data-edgewise-fill="headline">${text}</p></div>
      <p>The next paragraph</p>`,
  });
  await visit.tab.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length);
  const before = await visit.tab.locator("#box").boundingBox();
  release();
  assert.deepEqual(await visit.rendered(), { short: "swapped" });
  assert.equal(await visit.text("#box"), "Hi");
  const after = await visit.tab.locator("#box").boundingBox();
  assert.ok(Math.abs((after?.height ?? 0) - (before?.height ?? 0)) < 1);
  await visit.leave();
});

test("content that moves its surroundings in any direction is not shown, but comments do not count", async () => {
  const pages = {
    moved: `<style nonce="${NONCE}">[data-edgewise]{min-height:0}main{width:fit-content;margin:auto}</style>|
      <main><h2>A</h2><p data-edgewise="hero" data-edgewise-fill="headline">Short</p></main>`,
    swapped: `<style nonce="${NONCE}">[data-edgewise]{position:absolute;min-height:0}</style>|
      <section><p data-edgewise="short" data-edgewise-fill="headline">A longer default</p><!-- /short --></section>`,
  };
  for (const [expected, page] of Object.entries(pages)) {
    const [head = "", body = ""] = page.split("|");
    const visit = await stage.visit({ head, body });
    assert.deepEqual(Object.values(await visit.rendered()), [expected]);
    await visit.leave();
  }
});

test("an image without a size is shown only if the box has room for it", async () => {
  const image = `<svg xmlns="http://www.w3.org/2000/svg" width="60" height="60"/>`;
  stage.site.putFile("/image", { headers: { "content-type": "image/svg+xml" }, body: image });
  const plain = `<style nonce="${NONCE}">[data-edgewise]{min-height:0}.box{height:70px}img{display:block}</style>`;
  const unsized = `<template data-edgewise-action="deal"><img src="/image"></template>`;
  const pages: Record<string, [Rendered, string]> = {
    "an empty box": ["moved", `<div data-edgewise="hero">${unsized}</div>`],
    "a full box": ["moved", `<div data-edgewise="hero">Welcome${unsized.replace("<img", "Save<img")}</div>`],
    "the box of a larger image": [
      "swapped",
      `<div data-edgewise="hero"><img src="/image" height="70">${unsized}</div>`,
    ],
    "a box with a height": ["swapped", `<div data-edgewise="hero" class="box">${unsized}</div>`],
    "a box that is too small, but the image has a size": [
      "moved",
      `<div data-edgewise="hero">${unsized.replace("<img", "<img height=60")}</div>`,
    ],
  };
  for (const [index, [name, [expected, body]]] of Object.entries(pages).entries()) {
    // Each page has an address of its own, since a browser knows the sizes of images that it has loaded.
    const own = body.replaceAll("/image", `/image?${index}`);
    const visit = await stage.visit({ head: plain, body: `${own}<p>The next paragraph</p>` });
    assert.deepEqual(await visit.rendered(), { hero: expected }, name);
    await visit.tab.waitForFunction(() => [...document.images].every(({ complete }) => complete));
    // The check fails if the page has moved.
    await visit.check();
    await visit.leave();
  }
});

test("inline content is shown only if it has a fixed width, so that the words after it do not move", async () => {
  const line = (style: string): string =>
    `<p>Hello <span ${style} data-edgewise="short" data-edgewise-fill="headline">dear visitor</span>, welcome.</p>`;
  for (const [style, rendered] of [
    ["", "moved"],
    [`class="wide"`, "swapped"],
  ] as const) {
    const head = `<style nonce="${NONCE}">[data-edgewise]{min-height:0;display:inline}
      .wide[data-edgewise]{display:inline-block;width:9em}</style>`;
    const visit = await stage.visit({ head, body: line(style) });
    assert.deepEqual(await visit.rendered(), { short: rendered }, style);
    assert.equal(await visit.text("span"), rendered === "moved" ? "dear visitor" : "Hi");
    await visit.leave();
  }
});

test("content with collapsing margins moves nothing", async () => {
  const { interceptor, release } = hold();
  stage.proxy.interceptors.set("/v1/decide", interceptor);
  const visit = await stage.visit({
    head: `<style nonce="bm9uY2U">#box{display:block}p{margin:0}h2{margin:50px 0}</style>`,
    body: `<div id="box" data-edgewise="hero"><p>Welcome</p>
      <template data-edgewise-action="deal"><h2 data-edgewise-fill="headline"></h2></template></div>
      <p>The next paragraph</p>`,
  });
  await visit.tab.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length);
  release();
  await visit.rendered();
  await visit.leave();
});

test("without the server, the cached decision is shown, or the default", async () => {
  const visitor = await stage.visitor();
  const url = stage.put({ body: HERO, attributes: { "data-budget": "20000" } });
  const first = await visitor.open(url);
  assert.deepEqual(await first.rendered(), { hero: "swapped" });
  const [decision] = await first.decisions();
  await first.leave();
  // The page still loads, but the server is unreachable.
  stage.proxy.interceptors.set("/v1", disconnect);
  const second = await visitor.open(url);
  assert.deepEqual(await second.rendered(), { hero: "swapped" });
  const [again] = await second.decisions();
  assert.deepEqual([again?.source, again?.action], ["cache", decision?.action]);
  assert.equal(await second.text("h1"), "Students save 10%");
  await second.leave();
  const stranger = await stage.visit({ body: HERO });
  assert.deepEqual(await stranger.rendered(), { hero: "timeout" });
  assert.equal(await stranger.text("h1"), "Welcome");
  await stranger.leave();
});
