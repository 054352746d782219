import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Decision } from "../../src/types.js";
import { decision, Page } from "./page.js";

const open = (storage: Record<string, string> = {}): Page => {
  const page = new Page(storage);
  page.core.setConsent("granted");
  page.core.startSending();
  return page;
};

/** Returns a function that gives the result of a promise, if there is one yet. */
const resultOf = (promise: Promise<Decision>): (() => Decision | undefined) => {
  let result: Decision | undefined;
  void promise.then((decision) => {
    result = decision;
  });
  return () => result;
};

suite("a decision", () => {
  test("comes from the server, in one request with the others of its turn", async () => {
    const page = open();
    const all = Promise.all(["hero", "side"].map((name) => page.core.decide(name)));
    const row = page.core.decide("row", { slots: 4, exclude: ["sku-1"] });
    await page.pass(0);
    assert.deepEqual(
      (await all).map(({ action, source }) => [action, source]),
      [
        ["deal", "policy"],
        ["deal", "policy"],
      ],
    );
    assert.equal((await row).placement, "row");
    const asked = page.sent.map(({ body }) => body.placements);
    assert.deepEqual(asked, [[{ id: "hero" }, { id: "side" }, { id: "row", slots: 4, exclude: ["sku-1"] }]]);
  });

  test("shares a request with at most 49 others", async () => {
    const page = open();
    const all = Promise.all(Array.from({ length: 120 }, (_, index) => page.core.decide(`p${index}`)));
    await page.pass(0);
    assert.ok((await all).every(({ source }) => source === "policy"));
    assert.deepEqual(
      page.sent.map(({ body }) => body.placements.length),
      [50, 50, 20],
    );
  });

  test("is a fallback exactly at its timeout", async () => {
    const page = open();
    page.answer = () => "never";
    const [quick, slow] = [resultOf(page.core.decide("hero", { timeout: 50 })), resultOf(page.core.decide("side"))];
    await page.pass(49);
    assert.equal(quick(), undefined);
    await page.pass(1);
    assert.deepEqual([quick()?.source, quick()?.action, quick()?.decisionId], ["fallback", null, undefined]);
    await page.pass(949);
    assert.equal(slow(), undefined);
    await page.pass(1);
    assert.equal(slow()?.source, "fallback");
  });

  test("is taken from the cache for a day if the server does not answer", async () => {
    const page = open();
    void page.core.decide("hero");
    await page.pass(0);
    const next = open(page.storage);
    next.answer = () => "lost";
    const made = resultOf(next.core.decide("hero"));
    await next.pass(0);
    assert.deepEqual([made()?.source, made()?.action, made()?.decisionId], ["cache", "deal", "d-hero"]);
    await next.pass(864e5);
    const late = resultOf(next.core.decide("hero"));
    await next.pass(0);
    assert.equal(late()?.source, "fallback");
  });

  test("without an id is a fallback, and is not cached", async () => {
    const page = open();
    page.answer = () => ({ body: { decisions: [decision("hero", { group: "fallback", decisionId: null })] } });
    const made = resultOf(page.core.decide("hero"));
    await page.pass(0);
    assert.deepEqual([made()?.source, made()?.action], ["fallback", "deal"]);
    assert.deepEqual(page.keys, ["edgewise"]);
  });

  for (const invalid of [
    "<html>",
    "",
    "null",
    "5",
    "[]",
    "{}",
    '{"decisions": 5}',
    '{"decisions": [null]}',
    '{"decisions": [5]}',
    '{"decisions": [{"placement": "another", "action": "deal"}]}',
  ]) {
    test(`is a fallback after the invalid answer ${invalid || "(empty)"}`, async () => {
      const page = open();
      page.answer = () => ({ body: invalid });
      const made = resultOf(page.core.decide("hero"));
      await page.pass(0);
      assert.deepEqual([made()?.source, made()?.action], ["fallback", null]);
      assert.deepEqual(page.keys, ["edgewise"]);
    });
  }

  test("is requested with the merged context of the page", async () => {
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

  test("is emitted once, however late the answer comes", async () => {
    const page = open();
    let emitted = 0;
    page.core.on("decision", () => emitted++);
    void page.core.decide("hero", { timeout: 0 });
    await page.pass(1000);
    assert.equal(emitted, 1);
  });

  test("is requested with the preview token", async () => {
    const page = new Page();
    page.core.options.preview = "token";
    page.core.startSending();
    void page.core.decide("hero");
    await page.pass(0);
    assert.equal(page.sent[0]?.body.preview, "token");
  });
});
