import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Decision } from "../../src/types.js";
import { Page, decision } from "./page.js";

const open = (storage: Record<string, string> = {}): Page => {
  const page = new Page(storage);
  page.core.setConsent("granted");
  page.core.startSending();
  return page;
};

/** Tells what a promise came to, if it did by now. */
const watched = (promise: Promise<Decision>): (() => Decision | undefined) => {
  let seen: Decision | undefined;
  void promise.then((made) => (seen = made));
  return () => seen;
};

suite("a decision", () => {
  test("comes from the server, in one request with all of its turn", async () => {
    const page = open();
    const all = Promise.all(["hero", "side"].map((name) => page.core.decide(name)));
    const row = page.core.decide("row", { slots: 4, exclude: ["sku-1"] });
    await page.pass(0);
    assert.deepEqual((await all).map(({ action, source }) => [action, source]), [["deal", "policy"], ["deal", "policy"]]);
    assert.equal((await row).placement, "row");
    const asked = page.sent.map(({ body }) => body.placements);
    assert.deepEqual(asked, [[{ id: "hero" }, { id: "side" }, { id: "row", slots: 4, exclude: ["sku-1"] }]]);
  });

  test("is a fallback at its deadline, neither sooner nor later", async () => {
    const page = open();
    page.answer = () => "never";
    const [quick, slow] = [watched(page.core.decide("hero", { timeout: 50 })), watched(page.core.decide("side"))];
    await page.pass(49);
    assert.equal(quick(), undefined);
    await page.pass(1);
    assert.deepEqual([quick()?.source, quick()?.action, quick()?.decisionId], ["fallback", null, undefined]);
    await page.pass(149);
    assert.equal(slow(), undefined);
    await page.pass(1);
    assert.equal(slow()?.source, "fallback");
  });

  test("that came before is shown when the server does not answer, for a day", async () => {
    const page = open();
    void page.core.decide("hero");
    await page.pass(0);
    const next = open(page.storage);
    next.answer = () => "lost";
    const made = watched(next.core.decide("hero"));
    await next.pass(0);
    assert.deepEqual([made()?.source, made()?.action, made()?.decisionId], ["cache", "deal", "d-hero"]);
    await next.pass(864e5);
    const late = watched(next.core.decide("hero"));
    await next.pass(0);
    assert.equal(late()?.source, "fallback");
  });

  test("that the server makes for want of a store is a fallback, and not kept", async () => {
    const page = open();
    page.answer = () => ({ body: { decisions: [decision("hero", { group: "fallback", decisionId: null })] } });
    const made = watched(page.core.decide("hero"));
    await page.pass(0);
    assert.deepEqual([made()?.source, made()?.action], ["fallback", "deal"]);
    assert.deepEqual(page.keys, ["edgewise"]);
  });

  for (const nonsense of [
    "<html>", "", "null", "5", "[]", "{}", '{"decisions": 5}', '{"decisions": [null]}', '{"decisions": [5]}',
    '{"decisions": [{"placement": "another", "action": "deal"}]}',
  ]) {
    test(`is a fallback where the server says ${nonsense || "nothing"}`, async () => {
      const page = open();
      page.answer = () => ({ body: nonsense });
      const made = watched(page.core.decide("hero"));
      await page.pass(0);
      assert.deepEqual([made()?.source, made()?.action], ["fallback", null]);
      assert.deepEqual(page.keys, ["edgewise"]);
    });
  }

  test("is asked for with what the page has said of itself so far", async () => {
    const page = open();
    Object.assign(page.core.options, { pageType: "home", context: { data: { basketValue: 30 }, locale: "en" } });
    void page.core.decide("hero", { context: { data: { basketValue: 35 } } });
    await page.pass(0);
    assert.deepEqual(page.sent[0]?.body.context, {
      locale: "en",
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      data: { basketValue: 35 },
      page: { url: "https://shop.example/all", referrer: "", type: "home" },
    });
  });

  test("is told of once, however late the answer", async () => {
    const page = open();
    let answers = 0;
    page.core.on("decision", () => answers++);
    void page.core.decide("hero", { timeout: 0 });
    await page.pass(1000);
    assert.equal(answers, 1);
  });

  test("goes with a preview token", async () => {
    const page = new Page();
    page.core.options.preview = "token";
    page.core.startSending();
    void page.core.decide("hero");
    await page.pass(0);
    assert.equal(page.sent[0]?.body.preview, "token");
  });
});
