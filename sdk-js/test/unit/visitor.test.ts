import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { ConsentState } from "../../src/types.js";
import { type Answer, Page, good } from "./page.js";

const denies: Answer = (sent) => (sent.path == "decide" ? { body: { ...(good(sent) as { body: object }).body, anonymousId: null } } : {});

const open = (said?: ConsentState, storage: Record<string, string> = {}, gpc = false): Page => {
  const page = new Page(storage, { gpc });
  page.core.say(said);
  page.core.start();
  return page;
};

suite("a visitor", () => {
  test("who agrees has an id at once, and the same on every page", async () => {
    const page = open("granted");
    const { anonymousId } = page.core.ids();
    assert.ok(anonymousId);
    assert.equal(open(undefined, page.storage).core.ids().anonymousId, anonymousId);
    assert.equal(JSON.parse(page.storage.edgewise!).consent, "granted", "and need not say so again");
  });

  for (const [said, gpc] of [["pending", false], ["denied", false], ["granted", true], [undefined, true]] as const) {
    test(`who says ${said}${gpc ? ", with Global Privacy Control," : ""} has no id, and nothing is stored`, async () => {
      const page = open(said, {}, gpc);
      Object.assign(page.core.options, { context: { data: { basketValue: 30 }, page: { type: "cart" } } });
      page.core.track("Signed Up");
      page.core.page();
      page.core.reward("d-hero", 1);
      page.core.release();
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
    page.core.release();
    await page.pass(2000);
    assert.deepEqual(page.sent[0]?.body.placements, [], "it is asked, though there is no placement");
    assert.deepEqual(page.keys, ["edgewise"]);
    assert.equal(page.told[0]?.anonymousId, page.core.ids().anonymousId);
  });

  test("of whom the server wants no id has none any more, and is told nothing of", async () => {
    const page = open();
    page.answer = denies;
    page.core.track("Before");
    page.core.release();
    await page.pass(2000);
    assert.ok(!page.core.isKnown());
    assert.deepEqual([page.keys, page.told], [[], []]);
  });

  for (const nonsense of ["{}", "null", '{"anonymousId": 5}', '{"anonymousId": "another"}', '{"error": {}}', "<html>"]) {
    test(`is neither kept nor forgotten for an answer like ${nonsense}`, async () => {
      const page = open();
      page.answer = () => ({ body: nonsense });
      const { anonymousId } = page.core.ids();
      page.core.release();
      await page.pass(2000);
      assert.deepEqual([page.core.ids().anonymousId, page.keys], [anonymousId, []]);
    });
  }

  test("who takes consent back leaves nothing, neither stored nor unsent", async () => {
    const page = open("granted");
    page.core.release();
    page.core.decide("hero");
    await page.pass(0);
    page.answer = () => "lost";
    page.core.track("Unsent");
    page.hide();
    assert.deepEqual(page.keys.sort(), ["edgewise", "edgewise.c.hero", "edgewise.q.*"]);
    page.core.say("denied");
    assert.deepEqual(page.keys, []);
    page.answer = good;
    const before = page.told.length;
    page.hide();
    await page.pass(100_000);
    assert.deepEqual([page.keys, page.told.length], [[], before]);
  });

  test("who is not asked yet keeps what they agreed to before", async () => {
    const { storage, core } = open("granted");
    const { anonymousId } = core.ids();
    const page = open("pending", storage);
    assert.equal(page.core.ids().anonymousId, undefined);
    page.core.say("granted");
    assert.equal(page.core.ids().anonymousId, anonymousId);
  });

  test("who logs in is the same visitor, who logs out is another", async () => {
    const page = open("granted");
    const { anonymousId } = page.core.ids();
    page.core.identify("user-1", { plan: "pro" });
    await page.pass(1000);
    const [identified] = page.told;
    assert.deepEqual([identified?.type, identified?.userId, identified?.anonymousId], ["identify", "user-1", anonymousId]);
    assert.equal(open(undefined, page.storage).core.ids().userId, "user-1");
    page.core.identify(null);
    const now = page.core.ids();
    assert.equal(now.userId, undefined);
    assert.notEqual(now.anonymousId, anonymousId);
  });

  test("who agrees while the server is asked about nobody is not forgotten for its answer", async () => {
    const page = open("pending");
    page.core.release();
    page.core.decide("hero");
    await page.pass(0);
    assert.equal(page.sent[0]?.body.anonymousId, undefined);
    page.core.say("granted");
    // What the server says of a call that named nobody.
    page.core.answered({ anonymousId: null });
    assert.ok(page.core.isKnown());
    assert.deepEqual(page.keys.filter((key) => key == "edgewise"), ["edgewise"]);
  });

  test("who has logged out before they agree again is not who they were", () => {
    const former = open("granted");
    former.core.identify("user-1");
    const { anonymousId } = former.core.ids();
    const page = open("pending", former.storage);
    page.core.identify(null);
    page.core.say("granted");
    assert.equal(page.core.ids().userId, undefined);
    assert.notEqual(page.core.ids().anonymousId, anonymousId);
  });

  for (const [already, stored] of [["somebody else", "user-1"], ["nobody", undefined]] as const) {
    test(`who logs in before they agree is that user then, though ${already} was known here`, async () => {
      const former = open("granted");
      if (stored) former.core.identify(stored);
      const page = open("pending", former.storage);
      page.core.identify("user-2");
      page.core.say("granted");
      assert.equal(page.core.ids().userId, "user-2");
    });
  }

  test("has a user's id that is a text, also where the site counts its users", async () => {
    const page = open("granted");
    page.core.identify(42 as unknown as string);
    assert.equal(page.core.ids().userId, "42");
  });

  for (const nobody of [null, undefined, ""]) {
    test(`who is not logged in is not forgotten for it: ${JSON.stringify(nobody)}`, async () => {
      const page = open("granted");
      const { anonymousId } = page.core.ids();
      page.core.identify(nobody as null);
      assert.equal(page.core.ids().anonymousId, anonymousId);
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
    one.core.say("denied");
    tell();
    other.core.release();
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
    assert.equal(one.core.ids().userId, "user-1", "who has logged in in one of them, has done so in both");
    one.core.identify(null);
    tell();
    assert.deepEqual({ ...other.core.ids() }, { ...one.core.ids() });
    assert.equal(other.core.ids().userId, undefined);
  });

  test("from their first page on, is one visitor", async () => {
    const [one, other] = [open(), new Page()];
    one.core.ids();
    const { anonymousId } = other.core.ids();
    one.core.release();
    await one.pass(0);
    Object.assign(other.storage, one.storage);
    other.happens("storage", { key: "edgewise" });
    assert.notEqual(other.core.ids().anonymousId, anonymousId);
    assert.equal(other.core.ids().anonymousId, one.core.ids().anonymousId);
  });

  test("is not bothered by what others store", () => {
    const [, other] = both();
    const ids = other.core.ids();
    other.happens("storage", { key: "theirs" });
    assert.deepEqual({ ...other.core.ids() }, { ...ids });
  });
});
