import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { ConsentState } from "../../src/types.js";
import { type Answer, Page, good } from "./page.js";

const denies: Answer = (sent) => (sent.path == "decide" ? { body: { ...(good(sent) as { body: object }).body, anonymousId: null } } : {});

const open = (said?: ConsentState, storage: Record<string, string> = {}, gpc = false): Page => {
  const page = new Page(storage, { gpc });
  page.core.setConsent(said);
  page.core.startQueue();
  return page;
};

suite("a visitor", () => {
  test("who agrees has an id at once, and the same on every page", async () => {
    const page = open("granted");
    const { anonymousId } = page.core.getIds();
    assert.ok(anonymousId);
    assert.equal(open(undefined, page.storage).core.getIds().anonymousId, anonymousId);
    assert.equal(JSON.parse(page.storage.edgewise!).consent, "granted", "and need not say so again");
  });

  for (const [said, gpc] of [["pending", false], ["denied", false], ["granted", true], [undefined, true]] as const) {
    test(`who says ${said}${gpc ? ", with Global Privacy Control," : ""} has no id, and nothing is stored`, async () => {
      const page = open(said, {}, gpc);
      Object.assign(page.core.options, { context: { data: { basketValue: 30 }, page: { type: "cart" } } });
      page.core.track("Signed Up");
      page.core.page();
      page.core.reward("d-hero", 1);
      page.core.startSending();
      const decided = page.core.decide("hero");
      await page.pass(2000);
      assert.equal((await decided).source, "policy");
      assert.deepEqual(page.keys, []);
      const [asked] = page.sent.filter(({ path }) => path == "decide");
      assert.deepEqual(
        [asked?.body.anonymousId, asked?.body.consent, asked?.body.context.data, asked?.body.context.page.type],
        [undefined, gpc ? "denied" : said, undefined, "cart"],
      );
      assert.deepEqual(page.told.map(({ event, anonymousId, context }) => [event, anonymousId, context]), [["$reward", undefined, undefined]]);
    });
  }

  test("who has said nothing has an id in memory until the server agrees to it", async () => {
    const page = open();
    page.core.track("Before");
    assert.deepEqual(page.keys, []);
    page.core.startSending();
    await page.pass(2000);
    assert.deepEqual(page.sent[0]?.body.placements, [], "it is asked, though there is no placement");
    assert.deepEqual(page.keys, ["edgewise"]);
    assert.equal(page.told[0]?.anonymousId, page.core.getIds().anonymousId);
  });

  test("of whom the server wants no id has none any more, and is told nothing of", async () => {
    const page = open();
    page.answer = denies;
    page.core.track("Before");
    page.core.startSending();
    await page.pass(2000);
    assert.ok(!page.core.mayIdentify());
    assert.deepEqual([page.keys, page.told], [[], []]);
  });

  for (const nonsense of ["{}", "null", '{"anonymousId": 5}', '{"anonymousId": "another"}', '{"error": {}}', "<html>"]) {
    test(`is neither kept nor forgotten for an answer like ${nonsense}`, async () => {
      const page = open();
      page.answer = () => ({ body: nonsense });
      const { anonymousId } = page.core.getIds();
      page.core.startSending();
      await page.pass(2000);
      assert.deepEqual([page.core.getIds().anonymousId, page.keys], [anonymousId, []]);
    });
  }

  test("who takes consent back leaves nothing, neither stored nor unsent", async () => {
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
    page.answer = good;
    const before = page.told.length;
    page.hide();
    await page.pass(100_000);
    assert.deepEqual([page.keys, page.told.length], [[], before]);
  });

  test("who is not asked yet keeps what they agreed to before", async () => {
    const { storage, core } = open("granted");
    const { anonymousId } = core.getIds();
    const page = open("pending", storage);
    assert.equal(page.core.getIds().anonymousId, undefined);
    page.core.setConsent("granted");
    assert.equal(page.core.getIds().anonymousId, anonymousId);
  });

  test("who logs in is the same visitor, who logs out is another", async () => {
    const page = open("granted");
    const { anonymousId } = page.core.getIds();
    page.core.identify("user-1", { plan: "pro" });
    await page.pass(1000);
    const [identified] = page.told;
    assert.deepEqual([identified?.type, identified?.userId, identified?.anonymousId], ["identify", "user-1", anonymousId]);
    assert.equal(open(undefined, page.storage).core.getIds().userId, "user-1");
    page.core.identify(null);
    const now = page.core.getIds();
    assert.equal(now.userId, undefined);
    assert.notEqual(now.anonymousId, anonymousId);
  });

  test("who agrees while the server is asked about nobody is not forgotten for its answer", async () => {
    const page = open("pending");
    page.core.startSending();
    page.core.decide("hero");
    await page.pass(0);
    assert.equal(page.sent[0]?.body.anonymousId, undefined);
    page.core.setConsent("granted");
    // What the server says of a call that named nobody.
    page.core.applyServerAnswer({ anonymousId: null });
    assert.ok(page.core.mayIdentify());
    assert.deepEqual(page.keys.filter((key) => key == "edgewise"), ["edgewise"]);
  });

  test("who has logged out before they agree again is not who they were", () => {
    const former = open("granted");
    former.core.identify("user-1");
    const { anonymousId } = former.core.getIds();
    const page = open("pending", former.storage);
    page.core.identify(null);
    page.core.setConsent("granted");
    assert.equal(page.core.getIds().userId, undefined);
    assert.notEqual(page.core.getIds().anonymousId, anonymousId);
  });

  for (const [already, stored] of [["somebody else", "user-1"], ["nobody", undefined]] as const) {
    test(`who logs in before they agree is that user then, though ${already} was known here`, async () => {
      const former = open("granted");
      if (stored) former.core.identify(stored);
      const page = open("pending", former.storage);
      page.core.identify("user-2");
      page.core.setConsent("granted");
      assert.equal(page.core.getIds().userId, "user-2");
    });
  }

  test("has a user's id that is a text, also where the site counts its users", async () => {
    const page = open("granted");
    page.core.identify(42 as unknown as string);
    assert.equal(page.core.getIds().userId, "42");
  });

  for (const nobody of [null, undefined, ""]) {
    test(`who is not logged in is not forgotten for it: ${JSON.stringify(nobody)}`, async () => {
      const page = open("granted");
      const { anonymousId } = page.core.getIds();
      page.core.identify(nobody as null);
      assert.equal(page.core.getIds().anonymousId, anonymousId);
    });
  }
});

suite("a visitor who has the site in two tabs", () => {
  /** What is done in one of them, of which the browser tells the other. */
  const both = (): [Page, Page, tell: () => void] => {
    const one = open("granted");
    const other = open(undefined, one.storage);
    return [one, other, () => other.happens("storage", { key: "edgewise" })];
  };

  test("and takes consent back in one of them, leaves nothing in the other either", async () => {
    const [one, other, tell] = both();
    other.core.identify("user-1");
    other.core.track("Unsent");
    one.core.setConsent("denied");
    tell();
    other.core.startSending();
    other.core.decide("hero");
    other.core.track("Later");
    other.hide();
    await other.pass(100_000);
    assert.deepEqual([other.keys, other.told], [[], []]);
    assert.deepEqual(other.sent.map(({ body }) => [body.anonymousId, body.consent]), [[undefined, "denied"]]);
  });

  test("and logs out in one of them, is somebody else in the other too", () => {
    const [one, other, tell] = both();
    other.core.identify("user-1");
    one.happens("storage", { key: "edgewise" });
    assert.equal(one.core.getIds().userId, "user-1", "who has logged in in one of them, has done so in both");
    one.core.identify(null);
    tell();
    assert.deepEqual({ ...other.core.getIds() }, { ...one.core.getIds() });
    assert.equal(other.core.getIds().userId, undefined);
  });

  test("from their first page on, is one visitor", async () => {
    const [one, other] = [open(), new Page()];
    one.core.getIds();
    const { anonymousId } = other.core.getIds();
    one.core.startSending();
    await one.pass(0);
    Object.assign(other.storage, one.storage);
    other.happens("storage", { key: "edgewise" });
    assert.notEqual(other.core.getIds().anonymousId, anonymousId);
    assert.equal(other.core.getIds().anonymousId, one.core.getIds().anonymousId);
  });

  test("is not bothered by what others store", () => {
    const [, other] = both();
    const ids = other.core.getIds();
    other.happens("storage", { key: "theirs" });
    assert.deepEqual({ ...other.core.getIds() }, { ...ids });
  });
});
