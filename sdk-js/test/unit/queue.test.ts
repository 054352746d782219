import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Page } from "./page.js";

const open = (storage: Record<string, string> = {}): Page => {
  const page = new Page(storage);
  page.core.setConsent("granted");
  page.core.startQueue();
  return page;
};

const events = (page: Page): (string | undefined)[] => page.told.map(({ event }) => event);

/** A page that was left before it could tell this. */
const left = (event: string): Page => {
  const page = open();
  page.answer = () => "lost";
  page.core.track(event);
  page.hide();
  return page;
};

suite("messages", () => {
  test("go a second after the first, together", async () => {
    const page = open();
    page.core.track("One");
    await page.pass(900);
    page.core.track("Two");
    assert.deepEqual(events(page), []);
    await page.pass(100);
    assert.deepEqual(events(page), ["One", "Two"]);
    assert.equal(page.sent.length, 1);
    assert.ok(page.sent[0]?.keepalive);
  });

  test("go at once when the page is hidden", async () => {
    const page = open();
    for (let i = 0; i < 21; i++) page.core.track("Last");
    page.hide();
    await page.pass(0);
    assert.equal(page.told.length, 21);
  });

  test("go in batches that a browser lets outlive their page: of less than 64 KiB, in any script", async () => {
    const page = open();
    for (let i = 0; i < 24; i++) page.core.track("Large", { text: "€".repeat(5000) });
    await page.pass(20_000);
    assert.equal(new Set(page.told.map(({ messageId }) => messageId)).size, 24);
    for (const { body } of page.sent) assert.ok(new Blob([JSON.stringify(body)]).size < 65_536);
  });

  test("go in batches of thirty, so that the server knows those that it gets again", async () => {
    const page = open();
    for (let i = 0; i < 70; i++) page.core.track(`${i}`);
    await page.pass(5000);
    assert.deepEqual(page.sent.map(({ body }) => body.batch.length), [30, 30, 10]);
    assert.deepEqual(events(page), [...Array(70).keys()].map(String));
  });

  test("say how things were when they were told", async () => {
    const page = open();
    const properties = { step: 1 };
    page.core.track("Step", properties);
    properties.step = 2;
    page.core.track("Step", properties);
    await page.pass(1000);
    assert.deepEqual(page.told.map((one) => one.properties?.step), [1, 2]);
  });

  test("go as the page's function has changed them, now or later, and not where it drops them or fails", async () => {
    const page = open();
    const wishes: Record<string, () => unknown> = {
      Changed: () => ({ type: "track", event: "Other", messageId: "m1", timestamp: "" }),
      Later: async () => ({ type: "track", event: "Later on", messageId: "m2", timestamp: "" }),
      Dropped: () => null,
      "Dropped later": async () => null,
    };
    page.core.options.beforeSend = ({ event }) => wishes[event!]!() as any;
    for (const event of Object.keys(wishes)) page.core.track(event);
    page.core.options.beforeSend = () => assert.fail("the page's own mistake");
    await assert.rejects(page.core.track("Failed"), /the page's own mistake/);
    await page.pass(1000);
    assert.deepEqual(events(page).sort(), ["Later on", "Other"]);
  });

  test("that JSON cannot hold, or that are larger than all that may wait, hold nothing up", async () => {
    const page = open();
    const circle: Record<string, any> = {};
    circle.circle = circle;
    await assert.rejects(page.core.track("Circle", circle), /circular/);
    page.core.track("Huge", { text: "x".repeat(500_000) });
    page.core.track("Fine");
    await page.pass(3000);
    assert.deepEqual(events(page), ["Fine"]);
  });

  test("are sent again, later and later, with the same ids, until they are taken", async () => {
    const page = open();
    page.answer = () => "lost";
    page.core.track("Patient");
    await page.pass(60_000);
    const tries = page.sent.length;
    assert.ok(tries >= 5 && tries <= 9, `${tries} tries in a minute`);
    page.answer = () => ({ status: 200 });
    await page.pass(100_000);
    assert.equal(new Set(page.told.map(({ messageId }) => messageId)).size, 1);
    assert.equal(page.sent.length, tries + 1);
  });

  test("go without keepalive every other time, since what may outlive a page may be used up", async () => {
    const page = open();
    page.answer = () => "lost";
    page.core.track("Patient");
    await page.pass(10_000);
    assert.deepEqual(page.sent.slice(0, 3).map(({ keepalive }) => keepalive), [true, false, true]);
  });

  for (const status of [400, 401, 410, 413, 422]) {
    test(`are not sent again when they are refused with ${status}`, async () => {
      const page = open();
      page.answer = () => ({ status });
      page.core.track("Refused");
      await page.pass(100_000);
      assert.equal(page.sent.length, 1);
      assert.deepEqual(page.keys, ["edgewise"]);
    });
  }

  for (const status of [403, 404, 408, 429, 500, 503]) {
    test(`are sent again after ${status}`, async () => {
      const page = open();
      page.answer = () => ({ status });
      page.core.track("Again");
      await page.pass(10_000);
      assert.ok(page.sent.length > 1);
    });
  }
});

suite("what a page could not send", () => {
  test("is stored when it is hidden, with what is under way, and sent by the next page", async () => {
    const page = open();
    page.answer = () => "never";
    page.core.track("Under way");
    await page.pass(1000);
    page.core.track("Waiting");
    page.hide();
    await page.pass(0);
    assert.deepEqual(events(page), ["Under way", "Waiting"], "each once, though one is under way");
    assert.deepEqual(page.keys.sort(), ["edgewise", "edgewise.q.*", "edgewise.q.*"]);
    const next = open(page.storage);
    await next.pass(1000);
    assert.deepEqual(events(next), ["Under way", "Waiting"]);
    assert.deepEqual(next.keys, ["edgewise"]);
  });

  test("is not lost when the page that goes stores after the page that comes has looked", async () => {
    const page = left("Early");
    const former = { ...page.storage };
    page.core.track("Late");
    // The page that comes has looked, and sends what it found only now.
    const next = open(former);
    for (const key of Object.keys(page.storage)) if (!(key in former)) next.storage[key] = page.storage[key]!;
    await next.pass(1000);
    const third = open(next.storage);
    third.core.loadStored();
    await third.pass(1000);
    assert.ok([...events(next), ...events(third)].includes("Late"));
  });

  test("is told once by a page that finds it again and again", async () => {
    const page = left("Twice");
    const next = open(page.storage);
    next.core.loadStored();
    next.core.loadStored();
    await next.pass(5000);
    assert.deepEqual(events(next), ["Twice"]);
  });

  test("is sent in the same order by all that find it, the oldest first", async () => {
    const page = open();
    page.answer = () => "lost";
    for (let i = 0; i < 20; i++) {
      page.core.track(`${i}`);
      await page.pass(1);
    }
    page.hide();
    // A browser lists its keys in any order.
    const next = open(Object.fromEntries(Object.entries(page.storage).reverse()));
    await next.pass(1000);
    assert.deepEqual(events(next), [...Array(20).keys()].map(String));
  });

  test("is told no more by a page when another one has told it", async () => {
    const page = left("Shared");
    const other = open(page.storage);
    other.answer = () => "lost";
    await other.pass(5000);
    const next = open(page.storage);
    await next.pass(1000);
    assert.deepEqual([events(next), next.keys], [["Shared"], ["edgewise"]]);
    const key = `edgewise.q.${next.told[0]?.messageId}`;
    other.happens("storage", { key, newValue: null });
    other.answer = () => ({ status: 200 });
    const before = other.told.length;
    await other.pass(100_000);
    assert.equal(other.told.length, before);
  });

  test("and what two pages have taken over, is removed by whoever sends it", async () => {
    const page = left("Shared");
    const [one, other] = [open(page.storage), open(page.storage)];
    other.answer = () => "lost";
    await other.pass(0);
    other.hide();
    await one.pass(5000);
    assert.deepEqual(events(one), ["Shared"]);
    assert.deepEqual(one.keys, ["edgewise"]);
  });

  test("is not what is nonsense", async () => {
    const page = open({ "edgewise.q.1-1": "{no json", "edgewise.q.2-2": "[null, 5]", "edgewise.q.3-3": "null" });
    await page.pass(1000);
    assert.deepEqual(page.told, []);
  });

  test("is bounded", async () => {
    const page = open();
    page.answer = () => "lost";
    for (let i = 0; i < 300; i++) page.core.track("Many", { text: "x".repeat(2000) });
    page.hide();
    const size = () => Object.values(page.storage).reduce((sum, text) => sum + text.length, 0);
    assert.ok(size() > 300_000 && size() < 500_000, `${size()} characters`);
    const next = open(page.storage);
    next.answer = () => "lost";
    for (let i = 0; i < 300; i++) next.core.track("More", { text: "x".repeat(2000) });
    next.hide();
    assert.ok(size() > 300_000 && size() < 500_000, `${size()} characters: the next page gives up the oldest`);
  });

  test("waits for the network, and goes when it is back", async () => {
    const page = open();
    page.answer = () => "lost";
    page.core.track("Offline");
    await page.pass(30_000);
    page.answer = () => ({ status: 200 });
    const before = page.sent.length;
    page.happens("online");
    await page.pass(0);
    assert.equal(page.sent.length, before + 1);
  });
});
