// The most important tests, in Firefox: a visit from the tag to the learned model.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { attacker, CORPUS, TARGETED } from "../browser/attacks.js";
import { fixed } from "../browser/policies.js";
import { disconnect, hold, type Interceptor } from "../browser/proxy.js";
import { NONCE, type Page } from "../browser/site.js";
import { eventually } from "../browser/waiting.js";
import { Stage } from "./stage.js";
import type { Visit } from "./visit.js";

const stage = new Stage({
  "hero.toml": fixed("hero", { headline: "Students save 10%" }),
  "side.toml": fixed("side", { headline: "On the side" }),
  "counted.toml": fixed("counted", { headline: "Students save 10%" }),
});
const GRANTED = { "data-consent": "granted" };
const HERO = `<div data-edgewise="hero"><h1 data-edgewise-fill="headline">Welcome</h1><a href="#deal">Look</a></div>
  <p>What follows</p><button data-edgewise-event="Signed Up">Sign up</button>`;

before(() => stage.open());
after(() => stage.close());
afterEach(() => stage.clear());

const path = (visit: Visit): string => new URL(visit.tab.url()).pathname;

/** The paths of the reported page views, in order. */
const pages = (): string[] =>
  stage.proxy
    .received("page")
    .map((message) => new URL((message as { context?: { page: { url: string } } }).context?.page.url ?? "").pathname);

test("a placement is swapped without flicker, and its outcomes are logged and learned once", async () => {
  // Clicks at once. After the impression, which takes a second, the reward window might close before the clicks.
  const script = `edgewise.on("render", () => {
    for (const element of document.querySelectorAll("[data-edgewise] a, button")) element.click();
  })`;
  const visit = await stage.visit({ attributes: GRANTED, body: HERO.replace('"hero"', '"counted"'), script });
  assert.deepEqual(await visit.rendered(), { counted: "swapped" });
  assert.equal(await visit.text("h1"), "Students save 10%");
  const [signedUp] = await stage.proxy.waitFor("Signed Up");
  await stage.proxy.waitFor("$click");
  await stage.proxy.waitFor("$impression");
  assert.deepEqual((await visit.check()).seen, { counted: ["Students save 10%\nLook"] });
  await visit.leave();

  const log = (await stage.service.export(signedUp?.anonymousId ?? "")).filter(
    ({ placement }) => placement === "counted",
  );
  const logged = log.map(({ entry, name }) => `${entry} ${name ?? ""}`.trim());
  assert.deepEqual(logged.sort(), ["decision", "event Signed Up", "outcome $click", "outcome $impression"]);
  const report = await eventually("the visit to be learned", async () => {
    const current = await stage.service.report("counted");
    return current.model?.learnedDecisions === 1 && current;
  });
  assert.equal(report.decisions, 1);
  assert.ok((report.actions[0]?.meanReward ?? 0) > 0, JSON.stringify(report));
});

test("no tag swaps content that was seen, with or without the stub", async () => {
  for (const [tag, stub] of [
    ["head", false],
    ["end", true],
    ["end", false],
    ["blocking", false],
  ] as const) {
    const visit = await stage.visit({ tag, stub, body: HERO });
    const { hero } = await visit.rendered();
    if (stub || tag === "blocking") assert.equal(hero, "swapped");
    else assert.ok(hero === "swapped" || hero === "late", hero);
    assert.equal(await visit.text("h1"), hero === "swapped" ? "Students save 10%" : "Welcome");
    await visit.leave();
  }
});

test("margins keep no content from being shown, and move nothing", async () => {
  const template = (content: string): string => `<template data-edgewise-action="deal">${content}</template>`;
  for (const content of [`words${template("<p>Save</p>")}`, `<p>words</p>${template("Save")}`]) {
    const { interceptor, release } = hold();
    stage.proxy.interceptors.set("/v1/decide", interceptor);
    const visit = await stage.visit({
      head: `<style nonce="${NONCE}">div{display:block}[data-edgewise]{min-height:0}</style>`,
      body: `<div data-edgewise="hero">${content}</div><p>The next paragraph</p>`,
    });
    await visit.until(() => performance.getEntriesByName("first-contentful-paint").length > 0);
    release();
    assert.deepEqual(await visit.rendered(), { hero: "swapped" });
    // The page measures how far the next paragraph moves.
    await visit.leave();
  }
});

// The tab stays open: on closing, Firefox sometimes ends a page without a `pagehide` event.
test("messages arrive when the page is left", async () => {
  const visit = await stage.visit({ tag: "blocking", attributes: GRANTED, body: HERO });
  await visit.tab.evaluate(() => {
    addEventListener("pagehide", () => window.edgewise.track("Left, at the door"));
    window.edgewise.track("Left");
  });
  await visit.tab.goto(stage.put({ tag: "none", body: "" }));
  await stage.proxy.waitFor("Left");
  await stage.proxy.waitFor("Left, at the door");
});

test("the next page sends what the page before could not send", async () => {
  const visitor = await stage.visitor();
  const url = stage.put({ tag: "blocking", attributes: GRANTED, body: "<p>A page</p>" });
  const visit = await visitor.open(url);
  stage.proxy.interceptors.set("/v1", disconnect);
  await visit.tab.evaluate(() => window.edgewise.track("Left behind"));
  await visit.tab.goto(stage.put({ tag: "none", body: "" }));
  await stage.proxy.until("an attempt", ({ exchanges }) => exchanges.some(({ raw }) => raw.includes("Left behind")));
  assert.deepEqual(stage.proxy.received("Left behind"), []);
  stage.proxy.interceptors.clear();
  const next = await visitor.open(url);
  await stage.proxy.waitFor("Left behind");
  await next.until(() => !Object.keys(localStorage).some((key) => key.startsWith("edgewise.q")));
  await next.leave();
});

/** A single-page application. */
const APPLICATION = `
  const draw = () => {
    document.querySelector("main").replaceChildren();
    if (location.pathname === "/cart") {
      const side = document.createElement("div");
      Object.assign(side.dataset, { edgewise: "side", edgewiseFill: "headline" });
      document.querySelector("main").append(side);
    }
  };
  const go = (path) => { history.pushState({}, "", path); draw(); };
  addEventListener("popstate", draw);
`;

test("navigation without a load reports a page view for each path and query, and new placements are decided", async () => {
  const visit = await stage.visit({ tag: "blocking", body: `${HERO}<main></main>`, script: APPLICATION });
  await visit.rendered();
  const home = path(visit);
  await visit.tab.evaluate("go('/cart')");
  assert.deepEqual(await visit.rendered(), { hero: "swapped", side: "swapped" });
  assert.equal(await visit.text("main"), "On the side");
  await visit.tab.evaluate("go('/cart?coupon=1#top')");
  await visit.tab.evaluate(() => history.go(-2));
  await stage.proxy.until("four page views", () => pages().length > 3);
  assert.deepEqual(pages(), [home, "/cart", "/cart", home]);
  await visit.leave();
});

test("a page from the back/forward cache reports a page view, but is not decided again", async () => {
  const visit = await stage.visit({ tag: "blocking", body: HERO });
  await visit.rendered();
  await stage.proxy.waitFor("$impression");
  // Browsers do not cache pages with a pending request.
  const asked = stage.proxy.exchanges.filter(({ path }) => path.startsWith("/v1/")).length;
  await eventually(`${asked} answers`, async () => visit.visitor.answers === asked);
  const first = path(visit);
  // The page goes back by itself, since the driver cannot handle pages from the cache.
  const script = `addEventListener("load", () => setTimeout(() => history.back()))`;
  const other = stage.put({ tag: "blocking", body: "<p>Another</p>", script });
  await visit.tab.evaluate((url) => location.assign(url), other);
  await stage.proxy.waitFor("page", 3);
  assert.deepEqual(pages(), [first, new URL(other).pathname, first]);
  assert.equal(stage.site.requested.filter((one) => one === first).length, 1, "the page was loaded again");
  assert.equal(stage.proxy.decideRequests.length, 1);
  assert.equal(stage.proxy.received("$impression").length, 1);
});

test("no payload runs code or violates a strict Content Security Policy", async () => {
  stage.proxy.interceptors.set("/v1/decide", attacker);
  const room = `<style nonce="${NONCE}">[data-edgewise]{height:1000px;overflow:hidden}</style>`;
  for (const headers of [undefined, { "content-security-policy": "" }]) {
    const visit = await stage.visit({ tag: "blocking", head: room, body: TARGETED, ...(headers && { headers }) });
    assert.equal(Object.keys(await visit.rendered()).length, CORPUS.length);
    const found = await visit.tab.evaluate(async () => {
      for (const one of document.querySelectorAll<HTMLElement>("[data-edgewise] *")) {
        for (const type of ["focus", "mouseover", "error", "load", "toggle"]) one.dispatchEvent(new Event(type));
      }
      // Wait for asynchronous handlers.
      await new Promise((done) => setTimeout(done, 200));
      const links = [...document.querySelectorAll<HTMLAnchorElement>("a[href], area[href]")];
      const leads = links.map(({ href }) =>
        typeof href === "string" ? new URL(href, document.baseURI).protocol : "http:",
      );
      return { pwned: window.pwned, leads: [...new Set(leads)], violations: window.watched.violations };
    });
    assert.deepEqual(found.pwned, []);
    assert.deepEqual(found.violations, []);
    for (const protocol of found.leads) assert.match(protocol, /^(https?|mailto|tel):$/);
    assert.deepEqual(visit.visitor.errors, []);
  }
});

test("nothing is stored, and no id is sent, without consent", async () => {
  for (const state of ["pending", "denied"]) {
    const url = stage.put({ attributes: { "data-consent": state }, body: HERO });
    const visit = await (await stage.visitor()).open(url);
    assert.deepEqual(await visit.rendered(), { hero: "swapped" });
    await visit.tab.click("[data-edgewise] a");
    await visit.tab.evaluate(() => {
      window.edgewise.identify("mail@example.org");
      window.edgewise.track("Signed Up");
    });
    await visit.check();
    await visit.tab.goto(stage.put({ tag: "none", body: "" }));
    await stage.proxy.waitFor("$click");
    await visit.tab.goto(url);
    await visit.rendered();
    const databases = await visit.tab.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));
    assert.deepEqual([await visit.stored(), await visit.visitor.context.cookies(), databases], [{}, [], []], state);
    const sent = stage.proxy.exchanges.map(({ raw, headers }) => raw + JSON.stringify(headers)).join("\n");
    for (const word of ["anonymousId", "userId", "mail@example.org", '"Signed Up"', "cookie"])
      assert.ok(!sent.includes(word), word);
    await visit.leave();
    await stage.clear();
  }
});

const FAILURES: Record<string, Interceptor> = { "is down": disconnect, "does not answer": hold().interceptor };

for (const [failure, interceptor] of Object.entries(FAILURES)) {
  test(`the default appears in time, and nothing moves, if the server ${failure}`, async () => {
    stage.proxy.interceptors.set("/v1", interceptor);
    for (const page of [{ tag: "head" }, { tag: "blocking", stub: false }] as Partial<Page>[]) {
      const visit = await stage.visit({ ...page, hidden: 200, body: HERO });
      await visit.until(() => getComputedStyle(document.querySelector("h1") as Element).visibility === "visible");
      assert.equal(await visit.text("h1"), "Welcome");
      const first = await visit.tab.evaluate(async () => {
        const late = new Promise<string>((done) => setTimeout(done, 2000, "the page waited"));
        return Promise.race([window.edgewise.decide("side").then(({ source }) => source), late]);
      });
      assert.equal(first, "fallback");
      assert.notEqual((await visit.rendered()).hero, "swapped");
      await visit.leave();
    }
  });
}
