import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Page } from "./page.js";

const open = (storage: Record<string, string> = {}): Page => {
  const page = new Page(storage);
  page.core.setConsent("granted");
  page.core.startQueue();
  return page;
};

const events = (page: Page): (string | undefined)[] => page.messages.map(({ event }) => event);

/** A page that was closed before it could send this event. */
const closedWith = (event: string): Page => {
  const page = open();
  page.answer = () => "lost";
  page.core.track(event);
  page.hide();
  return page;
};

suite("messages", () => {
  test("are sent together, one second after the first", async () => {
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

  test("are sent at once when the page is hidden", async () => {
    const page = open();
    for (let i = 0; i < 21; i++) page.core.track("Last");
    page.hide();
    await page.pass(0);
    assert.equal(page.messages.length, 21);
  });

  test("are sent in batches below the 64 KiB limit of keepalive requests", async () => {
    const page = open();
    for (let i = 0; i < 24; i++) page.core.track("Large", { text: "€".repeat(5000) });
    await page.pass(20_000);
    assert.equal(new Set(page.messages.map(({ messageId }) => messageId)).size, 24);
    for (const { body } of page.sent) assert.ok(new Blob([JSON.stringify(body)]).size < 65_536);
  });

  test("are sent in batches of at most thirty", async () => {
    const page = open();
    for (let i = 0; i < 70; i++) page.core.track(`${i}`);
    await page.pass(5000);
    assert.deepEqual(
      page.sent.map(({ body }) => body.batch.length),
      [30, 30, 10],
    );
    assert.deepEqual(events(page), [...Array(70).keys()].map(String));
  });

  test("contain the properties as they were at the call", async () => {
    const page = open();
    const properties = { step: 1 };
    page.core.track("Step", properties);
    properties.step = 2;
    page.core.track("Step", properties);
    await page.pass(1000);
    assert.deepEqual(
      page.messages.map((one) => one.properties?.step),
      [1, 2],
    );
  });

  test("can be changed or dropped by beforeSend, also asynchronously", async () => {
    const page = open();
    const results: Record<string, () => unknown> = {
      Changed: () => ({ type: "track", event: "Other", messageId: "m1", timestamp: "" }),
      Later: async () => ({ type: "track", event: "Later on", messageId: "m2", timestamp: "" }),
      Dropped: () => null,
      "Dropped later": async () => null,
    };
    page.core.options.beforeSend = ({ event }) => results[event!]!() as any;
    for (const event of Object.keys(results)) page.core.track(event);
    page.core.options.beforeSend = () => assert.fail("an error of the page");
    await assert.rejects(page.core.track("Failed"), /an error of the page/);
    await page.pass(1000);
    assert.deepEqual(events(page).sort(), ["Later on", "Other"]);
  });

  test("that are too large or not JSON are dropped, and do not block others", async () => {
    const page = open();
    const circle: Record<string, any> = {};
    circle.circle = circle;
    await assert.rejects(page.core.track("Circle", circle), /circular/);
    page.core.track("Huge", { text: "x".repeat(500_000) });
    page.core.track("Fine");
    await page.pass(3000);
    assert.deepEqual(events(page), ["Fine"]);
  });

  test("are retried with growing pauses and the same ids until they are accepted", async () => {
    const page = open();
    page.answer = () => "lost";
    page.core.track("Patient");
    await page.pass(60_000);
    const tries = page.sent.length;
    assert.ok(tries >= 5 && tries <= 9, `${tries} attempts in a minute`);
    page.answer = () => ({ status: 200 });
    await page.pass(100_000);
    assert.equal(new Set(page.messages.map(({ messageId }) => messageId)).size, 1);
    assert.equal(page.sent.length, tries + 1);
  });

  test("are retried without keepalive every other time", async () => {
    const page = open();
    page.answer = () => "lost";
    page.core.track("Patient");
    await page.pass(10_000);
    assert.deepEqual(
      page.sent.slice(0, 3).map(({ keepalive }) => keepalive),
      [true, false, true],
    );
  });

  for (const status of [400, 401, 402, 410, 411, 412, 413, 420, 421, 422]) {
    test(`are not retried after status ${status}`, async () => {
      const page = open();
      page.answer = () => ({ status });
      page.core.track("Refused");
      await page.pass(100_000);
      assert.equal(page.sent.length, 1);
      assert.deepEqual(page.keys, ["edgewise"]);
    });
  }

  for (const status of [301, 403, 404, 405, 408, 409, 414, 423, 429, 500, 503]) {
    test(`are retried after status ${status}`, async () => {
      const page = open();
      page.answer = () => ({ status });
      page.core.track("Again");
      await page.pass(10_000);
      assert.ok(page.sent.length > 1);
    });
  }
});

suite("unsent messages", () => {
  test("are stored when the page is hidden, and sent by the next page", async () => {
    const page = open();
    page.answer = () => "never";
    page.core.track("Under way");
    await page.pass(1000);
    page.core.track("Waiting");
    page.hide();
    await page.pass(0);
    assert.deepEqual(events(page), ["Under way", "Waiting"], "the message in flight is not sent twice");
    assert.deepEqual(page.keys.sort(), ["edgewise", "edgewise.q.*", "edgewise.q.*"]);
    const next = open(page.storage);
    await next.pass(1000);
    assert.deepEqual(events(next), ["Under way", "Waiting"]);
    assert.deepEqual(next.keys, ["edgewise"]);
  });

  test("are not lost if they are stored after the next page has started", async () => {
    const page = closedWith("Early");
    const former = { ...page.storage };
    page.core.track("Late");
    // The next page has read the storage before the late message came.
    const next = open(former);
    for (const key of Object.keys(page.storage)) if (!(key in former)) next.storage[key] = page.storage[key]!;
    await next.pass(1000);
    const third = open(next.storage);
    third.core.loadStored();
    await third.pass(1000);
    assert.ok([...events(next), ...events(third)].includes("Late"));
  });

  test("are sent once by a page that loads them several times", async () => {
    const page = closedWith("Twice");
    const next = open(page.storage);
    next.core.loadStored();
    next.core.loadStored();
    await next.pass(5000);
    assert.deepEqual(events(next), ["Twice"]);
  });

  test("are sent oldest first", async () => {
    const page = open();
    page.answer = () => "lost";
    for (let i = 0; i < 20; i++) {
      page.core.track(`${i}`);
      await page.pass(1);
    }
    page.hide();
    // Browsers list keys in any order.
    const next = open(Object.fromEntries(Object.entries(page.storage).reverse()));
    await next.pass(1000);
    assert.deepEqual(events(next), [...Array(20).keys()].map(String));
  });

  test("are dropped by a tab when another one has sent them", async () => {
    const page = closedWith("Shared");
    const other = open(page.storage);
    other.answer = () => "lost";
    await other.pass(5000);
    const next = open(page.storage);
    await next.pass(1000);
    assert.deepEqual([events(next), next.keys], [["Shared"], ["edgewise"]]);
    const key = `edgewise.q.${next.messages[0]?.messageId}`;
    other.dispatch("storage", { key, newValue: null });
    other.answer = () => ({ status: 200 });
    const before = other.messages.length;
    await other.pass(100_000);
    assert.equal(other.messages.length, before);
  });

  test("are removed from storage by the tab that sends them", async () => {
    const page = closedWith("Shared");
    const [one, other] = [open(page.storage), open(page.storage)];
    other.answer = () => "lost";
    await other.pass(0);
    other.hide();
    await one.pass(5000);
    assert.deepEqual(events(one), ["Shared"]);
    assert.deepEqual(one.keys, ["edgewise"]);
  });

  test("are ignored if they are invalid", async () => {
    const page = open({ "edgewise.q.1-1": "{no json", "edgewise.q.2-2": "[null, 5]", "edgewise.q.3-3": "null" });
    await page.pass(1000);
    assert.deepEqual(page.messages, []);
  });

  test("have a limited size, beyond which the oldest are dropped", async () => {
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
    assert.ok(size() > 300_000 && size() < 500_000, `${size()} characters after the next page`);
  });

  test("are sent as soon as the network is back", async () => {
    const page = open();
    page.answer = () => "lost";
    page.core.track("Offline");
    await page.pass(30_000);
    page.answer = () => ({ status: 200 });
    const before = page.sent.length;
    page.dispatch("online");
    await page.pass(0);
    assert.equal(page.sent.length, before + 1);
  });
});
