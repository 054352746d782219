import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { DEAL, fixed, row } from "./policies.js";
import type { Page } from "./site.js";
import { Stage } from "./stage.js";
import type { Visit } from "./visit.js";
import { eventually } from "./waiting.js";
import type { Watched } from "./watch.js";

const stage = new Stage({
  "hero.toml": fixed("hero", DEAL),
  "plain.toml": fixed("plain", {}),
  "row.toml": row("row", 3, ["sku-1", "sku-2", "sku-3", "sku-4"]),
});

before(() => stage.open());
after(() => stage.close());
afterEach(() => stage.clear());

const BANNER = `<div data-edgewise="hero"><a data-edgewise-fill="text=headline" href="#there">Go</a></div>`;

/** Whether an element with this style reports an impression together with another element, which is in sight. */
async function isReported(style: string): Promise<boolean> {
  const visit = await stage.visit({
    tag: "blocking",
    head: `<style nonce="bm9uY2U">#box{min-height:0;${style}}#other{position:fixed;top:0;min-height:0}</style>`,
    body: `<div id="box" data-edgewise="hero"></div><b id="other" data-edgewise="plain">In sight</b>`,
  });
  await visit.rendered();
  const isSeen = ({ decisions, messages }: Watched, name: string): boolean => {
    const decision = decisions.find(({ placement }) => placement === name);
    return messages.some(
      ({ event, properties }) => event === "$impression" && properties?.decisionId === decision?.decisionId,
    );
  };
  // Both are decided together, so their impressions are reported together.
  await eventually("the impression of the other element", async () => isSeen(await visit.check(), "plain"));
  return isSeen(await visit.check(), "hero");
}

/** Opens a page as a new visitor. The test can stop the clock of the page. */
async function clocked(page: Page): Promise<Visit> {
  const visitor = await stage.visitor();
  await visitor.context.clock.install();
  return visitor.open(stage.put(page));
}

/** Scrolls an element into sight, and waits until the browser has reported that to the observers of the page. */
async function scrollTo(visit: Visit, selector: string): Promise<void> {
  await visit.tab.locator(selector).evaluate(async (element) => {
    element.scrollIntoView();
    await new Promise<void>((done) => {
      const observer = new IntersectionObserver(([entry]) => {
        if (!entry?.isIntersecting) return;
        observer.disconnect();
        done();
      });
      observer.observe(element);
    });
  });
}

test("each slot reports one impression and one click", async () => {
  const visit = await stage.visit({
    tag: "blocking",
    body: `<div data-edgewise="row" data-edgewise-slots="3" data-edgewise-exclude="sku-4">
      <template data-edgewise-slot><p><a data-edgewise-fill="name" href="#x">?</a> <em>text</em></p></template></div>`,
  });
  await visit.rendered();
  const [decision] = await visit.decisions();
  const impressions = await stage.proxy.waitFor("$impression", 3);
  assert.deepEqual(impressions.map(({ properties }) => properties?.slot).sort(), [0, 1, 2]);
  await visit.tab.locator("em").first().click(); // No link, no button.
  await visit.tab.locator("a").nth(1).click();
  await visit.tab.locator("a").nth(1).click();
  await visit.tab.evaluate(() => window.edgewise.track("Last"));
  await stage.proxy.waitFor("Last");
  const clicks = stage.proxy.received("$click");
  assert.deepEqual(
    clicks.map(({ properties }) => properties),
    [{ decisionId: decision?.decisionId, slot: 1, action: decision?.slots?.[1]?.action }],
  );
  assert.equal(stage.proxy.received("$impression").length, 3);
  await visit.leave();
});

test("clicks count on a link around the placement, and on elements with data-edgewise-click", async () => {
  const visit = await stage.visit({
    tag: "blocking",
    body: `<a href="#all"><div data-edgewise="hero"><b data-edgewise-fill="headline">Welcome</b></div></a>
      <div data-edgewise="plain"><b data-edgewise-click>More</b></div>`,
  });
  await visit.rendered();
  await visit.tab.locator("b").nth(0).click();
  await visit.tab.locator("b").nth(1).click();
  const clicks = await stage.proxy.waitFor("$click", 2);
  const decisions = await visit.decisions();
  assert.deepEqual(
    clicks.map(({ properties }) => properties?.decisionId).sort(),
    decisions.map(({ decisionId }) => decisionId).sort(),
  );
  await visit.leave();
});

test("the right button is no click, the middle button is one", async () => {
  const visit = await stage.visit({ tag: "blocking", body: BANNER });
  await visit.rendered();
  await visit.tab.locator("a").click({ button: "right" });
  await visit.tab.evaluate(() => window.edgewise.track("Right"));
  await stage.proxy.waitFor("Right");
  assert.deepEqual(stage.proxy.received("$click"), []);
  const [opened] = await Promise.all([
    visit.visitor.context.waitForEvent("page"),
    visit.tab.locator("a").click({ button: "middle" }),
  ]);
  await stage.proxy.waitFor("$click");
  await opened.close();
  await visit.leave();
});

test("data-edgewise-event reports clicks, and the submission of a form", async () => {
  stage.site.put("/sent", { tag: "none", body: "Thank you" });
  const visit = await stage.visit({
    tag: "blocking",
    body: `<button data-edgewise-event="Clicked" data-edgewise-properties='{"plan":"pro"}'><b>Buy</b></button>
      <form data-edgewise-event="Signed Up" action="/sent" method="get">
        <input name="mail"><button id="send">Send</button></form>
      <button id="broken" data-edgewise-event="Broken" data-edgewise-properties="{no json">?</button>`,
  });
  await visit.tab.locator("b").click();
  const [clicked] = await stage.proxy.waitFor("Clicked");
  assert.deepEqual(clicked?.properties, { plan: "pro" });
  await visit.tab.locator("#broken").click();
  await visit.tab.locator("input").click();
  await visit.check();
  await Promise.all([visit.tab.waitForURL(/sent/), visit.tab.locator("#send").click()]);
  await stage.proxy.waitFor("Signed Up");
  assert.equal(stage.proxy.received("Signed Up").length, 1);
});

test("a form reports nothing if the page prevents its submission", async () => {
  const visit = await stage.visit({
    tag: "blocking",
    body: `<form data-edgewise-event="Signed Up"><input name="tagName"><button>Send</button></form>`,
  });
  await visit.tab.evaluate(() => {
    // The last of all listeners.
    addEventListener("submit", (event) => event.preventDefault());
  });
  await visit.tab.locator("button").click();
  await visit.tab.evaluate(() => setTimeout(() => window.edgewise.track("Last")));
  await stage.proxy.waitFor("Last");
  assert.deepEqual(stage.proxy.received("Signed Up"), []);
  await visit.leave();
});

test("an impression needs half of the element in sight, or 30% of a large one", async () => {
  // The viewport has 1000 x 700 pixels.
  const [half, less, large, lessOfLarge, tall] = await Promise.all([
    isReported("margin-top:590px;width:300px;height:200px"),
    isReported("margin-top:610px;width:300px;height:200px"),
    isReported("margin-top:500px;width:1000px;height:600px"),
    isReported("margin-top:540px;width:1000px;height:600px"),
    isReported("width:100px;height:2400px"),
  ]);
  assert.deepEqual([half, less], [true, false], "110 and 90 of 200 pixels are in sight");
  assert.deepEqual([large, lessOfLarge], [true, false], "200 and 160 of 600 pixels are in sight");
  assert.ok(tall, "the element fills the viewport");
});

test("scrolling past an element is no impression", async () => {
  const visit = await clocked({
    tag: "blocking",
    head: `<style nonce="bm9uY2U">.far{margin-top:2000px}</style>`,
    body: `<div class="far" data-edgewise="hero"></div><div class="far" data-edgewise="plain"></div>`,
  });
  await visit.rendered();
  const { clock } = visit.visitor.context;
  await clock.pauseAt(Date.now() + 60_000);
  await scrollTo(visit, "[data-edgewise=hero]");
  await scrollTo(visit, "[data-edgewise=plain]");
  await clock.resume();
  const placements = new Map((await visit.decisions()).map(({ decisionId, placement }) => [decisionId, placement]));
  const first = await stage.proxy.until("an impression on this page", (proxy) =>
    proxy.received("$impression").find(({ properties }) => placements.has(properties?.decisionId as string)),
  );
  assert.equal(placements.get(first.properties?.decisionId as string), "plain");
  await visit.tab.evaluate(() => document.querySelector("[data-edgewise=hero]")?.scrollIntoView());
  await stage.proxy.waitFor("$impression", 2);
  await visit.leave();
});

test("a copy of a placement or of a slot reports the outcomes of its original, once", async () => {
  const visit = await stage.visit({
    tag: "blocking",
    head: `<style nonce="bm9uY2U">main{height:2000px}[data-edgewise]{min-height:0!important}</style>`,
    body: `<main></main><div>${BANNER}<div data-edgewise="row" data-edgewise-slots="2">
      <template data-edgewise-slot><p><a data-edgewise-fill="name" href="#x">?</a></p></template></div></div>`,
  });
  await visit.rendered();
  await visit.tab.evaluate(() => {
    const copies = [
      document.querySelector("[data-edgewise=hero]"),
      document.querySelectorAll("[data-edgewise=row] p")[1],
    ];
    for (const copy of [...copies, ...copies]) document.querySelector("main")?.append(copy!.cloneNode(true));
  });
  for (const link of await visit.tab.locator("main a").all()) await link.click();
  const clicks = await stage.proxy.waitFor("$click", 2);
  await visit.tab.evaluate(() => window.edgewise.track("Last"));
  await stage.proxy.waitFor("Last");
  assert.equal(stage.proxy.received("$click").length, 2);
  const decisions = await visit.decisions();
  const [hero, row] = ["hero", "row"].map((name) => decisions.find(({ placement }) => placement === name)!);
  const expected = [
    { decisionId: hero!.decisionId, action: "deal" },
    { decisionId: row!.decisionId, slot: 1, action: row!.slots![1]!.action },
  ];
  assert.deepEqual(
    clicks.map(({ properties }) => properties),
    expected,
  );
  assert.equal(stage.proxy.decideRequests.length, 1);
  await visit.leave();
});

test("content that a script of the page has replaced reports neither impression nor click", async () => {
  const link = `<a href="#there">Go</a>`;
  const bodies = {
    text: `<b data-edgewise-fill="headline">Welcome</b>${link}`,
    image: `<img data-edgewise-fill="src=image" src="/plain.gif" width="10" height="10" alt="">${link}`,
    html: `<b data-edgewise-fill="headline">Welcome</b>${link}`,
    template: `<b>Welcome</b>${link}<template data-edgewise-action="deal"><i>Deal</i>${link}</template>`,
  };
  const visit = await stage.visit({
    tag: "blocking",
    head: `<style nonce="bm9uY2U">[data-edgewise]{min-height:0!important}</style>`,
    body: Object.entries(bodies)
      .map(([id, body]) => `<div id="${id}" data-edgewise="hero" data-edgewise-exclude="${id}">${body}</div>`)
      .join(""),
    script: `edgewise.on("render", ({ element }) => {
      if (element.id === "text") element.querySelector("b").textContent = "Hello";
      if (element.id === "image") element.querySelector("img").src = "/other.gif";
      if (element.id === "html" || element.id === "template") {
        const link = document.createElement("a");
        link.href = "#x";
        link.textContent = "Go";
        element.replaceChildren(link);
      }
    })`,
  });
  await visit.rendered();
  await visit.tab.waitForFunction(() => document.querySelectorAll("a[href='#x']").length === 2);
  for (const anchor of await visit.tab.locator("a").all()) await anchor.click();
  await visit.tab.evaluate(() => {
    const plain = document.createElement("div");
    Object.assign(plain.dataset, { edgewise: "plain" });
    plain.textContent = "In sight";
    document.body.append(plain);
  });
  // This impression comes after those of the others.
  const [impression] = await stage.proxy.waitFor("$impression");
  const plain = (await visit.decisions()).find(({ placement }) => placement === "plain");
  assert.equal(impression?.properties?.decisionId, plain?.decisionId);
  assert.equal(stage.proxy.received("$impression").length, 1);
  assert.deepEqual(stage.proxy.received("$click"), []);
});

test("an element reports the outcomes of the decision it shows now", async () => {
  const visit = await clocked({ tag: "blocking", body: `<p id="here" data-edgewise-fill="headline">Welcome</p>` });
  for (let turn = 0; turn < 2; turn++)
    await visit.tab.evaluate(() => window.edgewise.decide("hero", { timeout: 20_000 }));
  await visit.tab.waitForFunction(() => window.watched.decisions.length === 2);
  const ids = (await visit.decisions()).map(({ decisionId }) => decisionId);
  assert.notEqual(ids[0], ids[1]);
  const { clock } = visit.visitor.context;
  await clock.pauseAt(Date.now() + 60_000);
  for (const turn of [0, 1]) {
    await visit.tab.evaluate((turn) => {
      const element = document.querySelector<HTMLElement>("#here")!;
      window.edgewise.render(element, window.watched.decisions[turn]!);
    }, turn);
    await scrollTo(visit, "#here");
  }
  await clock.resume();
  const impressions = await stage.proxy.waitFor("$impression");
  await visit.tab.locator("#here").evaluate((element) => (element.dataset.edgewiseClick = ""));
  await visit.tab.locator("#here").click();
  await stage.proxy.waitFor("$click");
  const reported = [...impressions, ...stage.proxy.received("$click")].map(({ properties }) => properties?.decisionId);
  assert.deepEqual(reported, [ids[1], ids[1]]);
  await visit.leave();
});

test("a tall element out of sight has no impression", async () => {
  const visit = await stage.visit({
    tag: "blocking",
    head: `<style nonce="bm9uY2U">#above{height:3000px}#tall{height:8000px}</style>`,
    body: `<p data-edgewise="plain">In sight</p><div id="above"></div>
      <div id="tall" data-edgewise="hero">Far below</div>`,
  });
  await visit.rendered();
  // Both impressions would be reported together.
  const [plain] = await visit.decisions().then((made) => made.filter(({ placement }) => placement === "plain"));
  const impressions = await stage.proxy.waitFor("$impression");
  assert.deepEqual(
    impressions.map(({ properties }) => properties?.decisionId),
    [plain?.decisionId],
  );
  await visit.leave();
});
