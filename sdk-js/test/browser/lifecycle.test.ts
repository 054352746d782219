// The lifecycle of a page: navigation without a load, the back/forward cache, prerendering, and background tabs.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { fixed } from "./policies.js";
import { Stage } from "./stage.js";
import { UndrivenBrowser } from "./undriven-browser.js";
import { eventually } from "./waiting.js";
import { type Watched, watch } from "./watch.js";

const stage = new Stage({
  "hero.toml": fixed("hero", { headline: "Students save 10%" }),
  "side.toml": fixed("side", { headline: "On the side" }),
});
const HERO = `<div data-edgewise="hero"><h1 data-edgewise-fill="headline">Welcome</h1></div>`;

before(() => stage.open());
after(() => stage.close());
afterEach(() => stage.clear());

/** The paths of the reported page views, in order. */
const pages = (): string[] =>
  stage.proxy
    .received("page")
    .map((message) => new URL((message as { context?: { page: { url: string } } }).context?.page.url ?? "").pathname);

test("navigation without a load reports one page view per path, and new placements are decided", async () => {
  const visit = await stage.visit({ tag: "blocking", body: HERO });
  await visit.rendered();
  await visit.tab.evaluate(() => {
    history.pushState({}, "", "/cart");
    history.replaceState({}, "", "/cart?coupon=1");
    history.pushState({}, "", "/cart?coupon=1#top");
    const side = document.createElement("h2");
    Object.assign(side.dataset, { edgewise: "side", edgewiseFill: "headline" });
    document.body.append(side);
  });
  assert.deepEqual(Object.keys(await visit.rendered()), ["hero", "side"]);
  assert.equal(await visit.text("h2"), "On the side");
  await visit.tab.evaluate(() => {
    addEventListener("popstate", () => document.querySelector("h2")?.remove());
    history.go(-2);
  });
  await visit.tab.waitForFunction(() => !document.querySelector("h2"));
  await visit.tab.evaluate(() => window.edgewise.track("Last"));
  await stage.proxy.waitFor("Last");
  const path = new URL(visit.tab.url()).pathname;
  assert.deepEqual(pages(), [path, "/cart", path]);
  assert.deepEqual(
    stage.proxy.decideRequests.map(({ placements }) => placements.map(({ id }) => id)),
    [["hero"], ["side"]],
  );
  await visit.leave();
});

test("a route in the fragment or in the query is a page view, another change of the address is none", async () => {
  const visit = await stage.visit({ tag: "blocking", body: `<p id="top">A page</p>` });
  const home = new URL(visit.tab.url()).pathname;
  await visit.tab.evaluate(async () => {
    const popped = (navigate: () => void): Promise<unknown> => {
      const event = new Promise((done) => addEventListener("popstate", done, { once: true }));
      navigate();
      return event;
    };
    await popped(() => location.assign("#top"));
    history.replaceState({}, "", "?tidy=1");
    history.pushState({}, "", location.href);
    await popped(() => location.assign("#/"));
    await popped(() => location.assign("#/cart?step=1"));
    history.replaceState({}, "", "#/cart?step=2");
    history.pushState({}, "", "#!/cart/all");
    await popped(() => history.back());
    history.pushState({}, "", "?view=list");
  });
  await visit.tab.evaluate(() => window.edgewise.track("Last"));
  await stage.proxy.waitFor("Last");
  const views = stage.proxy.received("page").map((message) => {
    const { url } = (message as { context?: { page: { url: string } } }).context!.page;
    return url.replace(stage.site.url + home, "");
  });
  assert.deepEqual(views, ["", "?tidy=1", "?tidy=1", "?tidy=1", "?view=list"]);
  await visit.leave();
});

test("placements that are inserted together share one request", async () => {
  const visit = await stage.visit({ tag: "blocking", body: "<main></main>" });
  await visit.tab.evaluate(() => {
    const main = document.querySelector("main");
    for (const name of ["hero", "side"]) {
      const element = document.createElement("div");
      element.dataset.edgewise = name;
      main?.append(element);
    }
  });
  await visit.rendered();
  assert.deepEqual(
    stage.proxy.decideRequests.map(({ placements }) => placements.map(({ id }) => id)),
    [["hero", "side"]],
  );
  await visit.leave();
});

test("a page from the back/forward cache reports a page view, but is not decided again", async () => {
  const visit = await stage.visit({ tag: "blocking", body: HERO });
  await visit.rendered();
  await stage.proxy.waitFor("$impression");
  // Browsers do not cache pages with a pending request.
  const asked = stage.proxy.exchanges.filter(({ path }) => path.startsWith("/v1/")).length;
  await eventually(`${asked} answers`, async () => visit.visitor.answers === asked);
  const path = new URL(visit.tab.url()).pathname;
  const other = stage.put({ tag: "blocking", body: "<p>Another</p>" });
  // Navigation by the driver would not keep the page in the cache.
  await visit.tab.evaluate((url) => (location.href = url), other);
  await visit.tab.waitForURL(other);
  await stage.proxy.waitFor("page", 2);
  await visit.tab.evaluate(() => history.back());
  await stage.proxy.until("three page views", () => pages().length === 3);
  assert.deepEqual(pages(), [path, new URL(other).pathname, path]);
  assert.equal(await visit.text("h1"), "Students save 10%");
  await visit.tab.evaluate(() => window.edgewise.track("Back"));
  await stage.proxy.waitFor("Back");
  assert.equal(stage.site.requested.filter((one) => one === path).length, 1, "the page was loaded again");
  assert.equal(stage.proxy.decideRequests.length, 1);
  assert.equal(stage.proxy.received("$impression").length, 1);
  await visit.leave();
});

/** A script that reports the state of the page to the site, since no driver can read it. */
const REPORTS = `
  (${watch})();
  const report = (what) => {
    const text = document.querySelector("h1").innerText;
    navigator.sendBeacon("/report", JSON.stringify({ path: location.pathname, what, text, watched }));
  };
  addEventListener("load", () => report("loaded"));
  document.addEventListener("visibilitychange", () => report(document.visibilityState));
  document.addEventListener("prerenderingchange", () => report("activated"));
  addEventListener("DOMContentLoaded", () => edgewise.on("render", () => {
    report("rendered " + (document.prerendering ? "unseen" : document.visibilityState));
  }));
`;

interface Report extends Record<string, unknown> {
  path: string;
  what: string;
  text: string;
  watched: Watched;
}

/** The first report of a page with this event. */
const reported = async (path: string, what: string): Promise<Report> =>
  stage.site.until(`${path}: ${what}`, (reports) => {
    return (reports as Report[]).find((one) => one.path === path && one.what === what);
  });

test("a prerendered page is decided, but sends nothing before it is activated", async () => {
  const target = new URL(stage.put({ tag: "head", body: HERO, script: REPORTS }));
  const rules = JSON.stringify({ prerender: [{ urls: [target.pathname], eagerness: "immediate" }] });
  const start = stage.put({
    tag: "none",
    body: `<h1>Start</h1><a href="${target.pathname}">Go</a>`,
    head: `<script type="speculationrules" nonce="bm9uY2U">${rules}</script>`,
    // Follows the link once the site has the page `/go`.
    script: `setInterval(() => fetch("/go").then(({ ok }) => ok && document.querySelector("a").click()), 100)`,
  });
  const browser = new UndrivenBrowser();
  try {
    await browser.open(start);
    const unseen = await reported(target.pathname, "rendered unseen");
    assert.equal(unseen.text, "Students save 10%");
    assert.equal(stage.proxy.decideRequests.length, 1);
    // By then, all messages of the first second would have arrived.
    await stage.site.until(
      "the first page to poll many times",
      () => stage.site.requested.filter((one) => one === "/go").length > 25,
    );
    assert.deepEqual(stage.proxy.requests("/v1/batch"), []);
    stage.site.put("/go", { tag: "none", body: "" });
    await reported(target.pathname, "activated");
    await stage.proxy.waitFor("page");
    await stage.proxy.waitFor("$impression");
    assert.deepEqual(pages(), [target.pathname]);
    assert.equal(stage.proxy.decideRequests.length, 1);
  } finally {
    await browser.close();
  }
});

test("a background tab is decided, and reports its impression once it is visible", async () => {
  const page = { tag: "head", body: HERO, script: REPORTS } as const;
  const [hidden, front] = [new URL(stage.put(page)), new URL(stage.put(page))];
  // The opener loads the page when it is in the background.
  const opener = stage.put({
    tag: "none",
    body: "<h1>Opener</h1>",
    script: `document.addEventListener("visibilitychange", () => document.hidden && (location.href = "${hidden}"));
      addEventListener("load", () => fetch("/opened"))`,
  });
  const browser = new UndrivenBrowser();
  try {
    await browser.open(opener);
    await stage.site.until("the opener", () => stage.site.requested.includes("/opened"));
    await browser.tab(front.href);
    const { text } = await reported(hidden.pathname, "rendered hidden");
    assert.equal(text, "Students save 10%");
    // A second has passed in both tabs, but only one was visible.
    const [impression] = await stage.proxy.waitFor("$impression");
    const inFront = (await reported(front.pathname, "rendered visible")).watched.decisions[0]?.decisionId;
    assert.equal(impression?.properties?.decisionId, inFront);
    await browser.show(hidden.href);
    await reported(hidden.pathname, "visible");
    const impressions = await stage.proxy.waitFor("$impression", 2);
    assert.notEqual(impressions[1]?.properties?.decisionId, inFront);
    const last = await reported(front.pathname, "hidden");
    assert.equal(last.watched.shift, 0);
    assert.deepEqual(last.watched.violations, []);
  } finally {
    await browser.close();
  }
});
