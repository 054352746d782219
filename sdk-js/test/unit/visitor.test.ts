import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { ConsentState } from "../../src/types.js";
import { type Answer, healthy, Page } from "./page.js";

const deniesStorage: Answer = (sent) =>
  sent.path === "decide" ? { body: { ...(healthy(sent) as { body: object }).body, anonymousId: null } } : {};

const open = (consent?: ConsentState, storage: Record<string, string> = {}, gpc = false): Page => {
  const page = new Page(storage, { gpc });
  page.core.setConsent(consent);
  page.core.startQueue();
  return page;
};

suite("a visitor", () => {
  test("with consent has the same id on every page", async () => {
    const page = open("granted");
    const { anonymousId } = page.core.getIds();
    assert.ok(anonymousId);
    assert.equal(open(undefined, page.storage).core.getIds().anonymousId, anonymousId);
    assert.equal(JSON.parse(page.storage.edgewise!).consent, "granted", "the consent is stored");
  });

  for (const [consent, gpc] of [
    ["pending", false],
    ["denied", false],
    ["granted", true],
    [undefined, true],
  ] as const) {
    const name = `${consent}${gpc ? " and Global Privacy Control" : ""}`;
    test(`with consent ${name} has no id, and nothing is stored`, async () => {
      const page = open(consent, {}, gpc);
      Object.assign(page.core.options, { context: { data: { basketValue: 30 }, page: { type: "cart" } } });
      page.core.track("Signed Up");
      page.core.page();
      page.core.reward("d-hero", 1);
      page.core.startSending();
      const decided = page.core.decide("hero");
      await page.pass(2000);
      assert.equal((await decided).source, "policy");
      assert.deepEqual(page.keys, []);
      const [asked] = page.sent.filter(({ path }) => path === "decide");
      assert.deepEqual(
        [asked?.body.anonymousId, asked?.body.consent, asked?.body.context.data, asked?.body.context.page.type],
        [undefined, gpc ? "denied" : consent, undefined, "cart"],
      );
      assert.deepEqual(
        page.messages.map(({ event, anonymousId, context }) => [event, anonymousId, context]),
        [["$reward", undefined, undefined]],
      );
    });
  }

  test("without an answer has an id in memory, which is stored once the server allows it", async () => {
    const page = open();
    page.core.track("Before");
    assert.deepEqual(page.keys, []);
    page.core.startSending();
    await page.pass(2000);
    assert.deepEqual(page.sent[0]?.body.placements, [], "the request is sent even without a placement");
    assert.deepEqual(page.keys, ["edgewise"]);
    assert.equal(page.messages[0]?.anonymousId, page.core.getIds().anonymousId);
  });

  test("has no id, and sends no message, if the site requires consent", async () => {
    const page = open();
    page.answer = deniesStorage;
    page.core.track("Before");
    page.core.startSending();
    await page.pass(2000);
    assert.ok(!page.core.mayIdentify());
    assert.deepEqual([page.keys, page.messages], [[], []]);
  });

  for (const invalid of ["{}", "null", '{"anonymousId": 5}', '{"anonymousId": "another"}', '{"error": {}}', "<html>"]) {
    test(`keeps the id in memory after the invalid answer ${invalid}`, async () => {
      const page = open();
      page.answer = () => ({ body: invalid });
      const { anonymousId } = page.core.getIds();
      page.core.startSending();
      await page.pass(2000);
      assert.deepEqual([page.core.getIds().anonymousId, page.keys], [anonymousId, []]);
    });
  }

  test("who withdraws consent leaves nothing stored and nothing to send", async () => {
    const page = open("granted");
    page.core.startSending();
    page.core.decide("hero");
    await page.pass(0);
    page.answer = () => "lost";
    page.core.track("Unsent");
    page.hide();
    assert.deepEqual(page.keys.sort(), ["edgewise", "edgewise.c.hero", "edgewise.q.*"]);
    page.core.setConsent("denied");
    assert.deepEqual(page.keys, []);
    page.answer = healthy;
    const before = page.messages.length;
    page.hide();
    await page.pass(100_000);
    assert.deepEqual([page.keys, page.messages.length], [[], before]);
  });

  test("gets the stored id back when consent is granted again after pending", async () => {
    const { storage, core } = open("granted");
    const { anonymousId } = core.getIds();
    const page = open("pending", storage);
    assert.equal(page.core.getIds().anonymousId, undefined);
    page.core.setConsent("granted");
    assert.equal(page.core.getIds().anonymousId, anonymousId);
  });

  test("keeps the id on login, and gets a new one on logout", async () => {
    const page = open("granted");
    const { anonymousId } = page.core.getIds();
    page.core.identify("user-1", { plan: "pro" });
    await page.pass(1000);
    const [identified] = page.messages;
    assert.deepEqual(
      [identified?.type, identified?.userId, identified?.anonymousId],
      ["identify", "user-1", anonymousId],
    );
    assert.equal(open(undefined, page.storage).core.getIds().userId, "user-1");
    page.core.identify(null);
    const now = page.core.getIds();
    assert.equal(now.userId, undefined);
    assert.notEqual(now.anonymousId, anonymousId);
  });

  test("who grants consent during an anonymous request is not forgotten when the answer comes", async () => {
    const page = open("pending");
    page.core.startSending();
    page.core.decide("hero");
    await page.pass(0);
    assert.equal(page.sent[0]?.body.anonymousId, undefined);
    page.core.setConsent("granted");
    // The answer to a request without an id.
    page.core.applyServerAnswer({ anonymousId: null });
    assert.ok(page.core.mayIdentify());
    assert.deepEqual(
      page.keys.filter((key) => key === "edgewise"),
      ["edgewise"],
    );
  });

  test("who logs out before granting consent again gets a new id", () => {
    const former = open("granted");
    former.core.identify("user-1");
    const { anonymousId } = former.core.getIds();
    const page = open("pending", former.storage);
    page.core.identify(null);
    page.core.setConsent("granted");
    assert.equal(page.core.getIds().userId, undefined);
    assert.notEqual(page.core.getIds().anonymousId, anonymousId);
  });

  for (const stored of ["user-1", undefined]) {
    test(`who logs in before granting consent keeps that user id, stored before: ${stored}`, async () => {
      const former = open("granted");
      if (stored) former.core.identify(stored);
      const page = open("pending", former.storage);
      page.core.identify("user-2");
      page.core.setConsent("granted");
      assert.equal(page.core.getIds().userId, "user-2");
    });
  }

  test("keeps the proof of the user id until logout, in messages, decide calls and storage", async () => {
    const page = open("granted");
    page.core.identify("user-1", {}, { userHash: "abc" });
    page.core.startSending();
    page.core.decide("hero");
    await page.pass(1000);
    assert.deepEqual([page.messages[0]?.userHash, page.sent[0]?.body.userHash], ["abc", "abc"]);
    const next = open(undefined, page.storage);
    assert.deepEqual([next.core.getIds().userId, next.core.getIds().userHash], ["user-1", "abc"]);
    next.core.identify("user-2");
    assert.equal(next.core.getIds().userHash, undefined, "the proof of another id");
    next.core.identify("user-1", {}, { userHash: "abc" });
    next.core.identify(null);
    assert.equal(next.core.getIds().userHash, undefined);
  });

  test("takes the proof from the page's options, if identify has none", async () => {
    const page = open("granted");
    page.core.options.userHash = "of the tag";
    assert.equal(page.core.getIds().userHash, undefined, "without a user id, there is nothing to prove");
    page.core.identify("user-1");
    assert.equal(page.core.getIds().userHash, "of the tag");
  });

  test("has a string as user id even if the page passes a number", async () => {
    const page = open("granted");
    page.core.identify(42 as unknown as string);
    assert.equal(page.core.getIds().userId, "42");
  });

  for (const noUser of [null, undefined, ""]) {
    test(`keeps the id when a page without a login identifies nobody: ${JSON.stringify(noUser)}`, async () => {
      const page = open("granted");
      const { anonymousId } = page.core.getIds();
      page.core.identify(noUser as null);
      assert.equal(page.core.getIds().anonymousId, anonymousId);
    });
  }
});

suite("a visitor with two tabs", () => {
  /** Two tabs, and a function that notifies the second one of a change in storage. */
  const both = (): [Page, Page, notify: () => void] => {
    const one = open("granted");
    const other = open(undefined, one.storage);
    return [one, other, () => other.dispatch("storage", { key: "edgewise" })];
  };

  test("withdraws consent in both", async () => {
    const [one, other, notify] = both();
    other.core.identify("user-1");
    other.core.track("Unsent");
    one.core.setConsent("denied");
    notify();
    other.core.startSending();
    other.core.decide("hero");
    other.core.track("Later");
    other.hide();
    await other.pass(100_000);
    assert.deepEqual([other.keys, other.messages], [[], []]);
    assert.deepEqual(
      other.sent.map(({ body }) => [body.anonymousId, body.consent]),
      [[undefined, "denied"]],
    );
  });

  test("logs in and out in both", () => {
    const [one, other, notify] = both();
    other.core.identify("user-1");
    one.dispatch("storage", { key: "edgewise" });
    assert.equal(one.core.getIds().userId, "user-1", "the login in the other tab counts");
    one.core.identify(null);
    notify();
    assert.deepEqual({ ...other.core.getIds() }, { ...one.core.getIds() });
    assert.equal(other.core.getIds().userId, undefined);
  });

  test("has one id, even if both tabs open at the same time", async () => {
    const [one, other] = [open(), new Page()];
    one.core.getIds();
    const { anonymousId } = other.core.getIds();
    one.core.startSending();
    await one.pass(0);
    Object.assign(other.storage, one.storage);
    other.dispatch("storage", { key: "edgewise" });
    assert.notEqual(other.core.getIds().anonymousId, anonymousId);
    assert.equal(other.core.getIds().anonymousId, one.core.getIds().anonymousId);
  });

  test("ignores other keys in storage", () => {
    const [, other] = both();
    const ids = other.core.getIds();
    other.dispatch("storage", { key: "theirs" });
    assert.deepEqual({ ...other.core.getIds() }, { ...ids });
  });
});
