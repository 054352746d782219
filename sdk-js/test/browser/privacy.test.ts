import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { fixed } from "./shop.js";
import type { Page } from "./site.js";
import { Stage } from "./stage.js";
import type { Visit, Visitor } from "./visit.js";

const HERO = { "hero.toml": fixed("hero", { headline: "Students save 10%" }) };
const BODY = `<div data-edgewise="hero"><a href="#x" data-edgewise-fill="headline">Welcome</a></div>`;

const stage = new Stage(HERO);
/** A site whose visitors have to be asked. */
const strict = new Stage({ ...HERO, "site.toml": 'robots = "learn"\nconsent = "required"\n' });

before(() => Promise.all([stage.open(), strict.open()]));
after(() => Promise.all([stage.close(), strict.close()]));
afterEach(() => Promise.all([stage.clear(), strict.clear()]));

const page = (attributes: Record<string, string> = {}, more: Partial<Page> = {}): Page => ({
  tag: "blocking",
  attributes,
  body: BODY,
  ...more,
});

/** Everything that a browser keeps of a visitor, but for its cache. */
async function kept(visit: Visit): Promise<unknown[]> {
  const { context } = visit.visitor;
  const databases = await visit.tab.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));
  return [...Object.keys(await visit.stored()), ...(await context.cookies()), ...databases];
}

/** All that the pages of a stage have sent, in one text. */
const sent = (on: Stage): string => on.proxy.exchanges.map(({ raw, headers }) => raw + JSON.stringify(headers)).join("\n");

/** Somebody looks, clicks, does something, says who they are, and goes on to another page. */
async function browse(visitor: Visitor, on: Stage, url: string): Promise<Visit> {
  const visit = await visitor.open(url);
  await visit.rendered();
  assert.equal(await visit.text("a"), "Students save 10%");
  await on.proxy.hears("$impression");
  await visit.tab.locator("a").click();
  await on.proxy.hears("$click");
  await visit.tab.evaluate(() => {
    window.edgewise.identify("mail@example.org", { name: "Ada" });
    window.edgewise.track("Signed Up", { secret: "plan" });
    const { decisionId } = window.watched.decisions[0] ?? {};
    window.edgewise.reward(decisionId ?? "", 1);
  });
  await on.proxy.hears("$reward");
  await visit.check();
  await visit.tab.goto(url);
  await visit.rendered();
  return visit;
}

for (const [state, open] of Object.entries({
  "consent is denied": () => stage.visitor().then((visitor) => [stage, visitor, page({ "data-consent": "denied" })] as const),
  "consent is pending": () => stage.visitor().then((visitor) => [stage, visitor, page({ "data-consent": "pending" })] as const),
  "the browser says no for all sites (GPC), whatever the page says": async () => {
    const visitor = await stage.visitor();
    await visitor.context.addInitScript(() => {
      Object.defineProperty(navigator, "globalPrivacyControl", { value: true });
    });
    return [stage, visitor, page({ "data-consent": "granted" })] as const;
  },
})) {
  test(`where ${state}: no id, no cookie, nothing stored; decided by the page alone, and what follows is linked to that`, async () => {
    const [on, visitor, shown] = await open();
    const visit = await browse(visitor, on, on.put(shown));
    assert.deepEqual(await kept(visit), []);
    const text = sent(on);
    for (const word of ["anonymousId", "userId", "mail@example.org", "Ada", "secret", '"Signed Up"', "cookie"]) {
      assert.ok(!text.includes(word), word);
    }
    assert.deepEqual(new Set(on.proxy.arrived.map(({ event }) => event)), new Set(["$impression", "$click", "$reward"]));
    await visit.leave();
  });
}

test("where nothing is said and the site asks for consent, nothing is kept either, and nobody is named but in the first call", async () => {
  // Without an automatic page view: sent before the server has answered, it would name the visitor, too.
  const visit = await browse(await strict.visitor(), strict, strict.put(page({ "data-manual": "" })));
  assert.deepEqual(await kept(visit), []);
  for (const { event } of strict.proxy.arrived) assert.match(event ?? "page", /^\$/);
  await visit.leave();
});

test("where consent is given, one id is kept under one key, without cookies, and is the same on the next page", async () => {
  const visit = await browse(await stage.visitor(), stage, stage.put(page({ "data-consent": "granted" })));
  assert.deepEqual(await visit.visitor.context.cookies(), []);
  const stored = await visit.stored();
  for (const key of Object.keys(stored)) assert.match(key, /^edgewise/);
  const ids = new Set(stage.proxy.questions.map(({ body }) => body.anonymousId));
  assert.equal(ids.size, 1);
  assert.ok(stored.edgewise?.includes(String([...ids][0])));
  const [signedUp] = await stage.proxy.hears("Signed Up");
  assert.equal(signedUp?.userId, "mail@example.org");
  await visit.leave();
});

test("consent that is given later counts from then on; the page is told of, what was before is not", async () => {
  const visit = await stage.visit(page({ "data-consent": "pending" }));
  await visit.rendered();
  await visit.tab.evaluate(() => window.edgewise.track("Before"));
  await visit.tab.evaluate(() => window.edgewise.consent("granted"));
  await visit.tab.evaluate(() => window.edgewise.track("After"));
  const [told] = await stage.proxy.hears("After");
  assert.match(told?.anonymousId ?? "", /./);
  assert.equal(stage.proxy.told("page").length, 1);
  assert.deepEqual(stage.proxy.told("Before"), []);
  assert.ok((await kept(visit)).length);
  await visit.leave();
});

test("a withdrawal removes all that is stored, at once and for good, and what waited is not sent", async () => {
  const visitor = await stage.visitor();
  const url = stage.put(page({ "data-consent": "granted" }));
  const visit = await browse(visitor, stage, url);
  const [{ anonymousId } = {}] = stage.proxy.told("Signed Up");
  assert.ok((await kept(visit)).length);
  // All that the second page sends by itself.
  await Promise.all([stage.proxy.hears("page", 2), stage.proxy.hears("$impression", 2)]);
  stage.proxy.clear();
  await visit.tab.evaluate(() => {
    localStorage.setItem("edgewise.q.left-by-another-page", "[]");
    localStorage.setItem("the-sites-own", "stays");
    window.edgewise.track("Last words");
    window.edgewise.consent("denied");
  });
  assert.deepEqual(await kept(visit), ["the-sites-own"]);
  await visit.tab.evaluate(() => window.edgewise.track("Afterwards"));
  // It goes, comes back, and still nothing is kept.
  await visit.tab.goto(stage.put(page({ "data-consent": "denied" })));
  await visit.rendered();
  await stage.proxy.hears("$impression");
  assert.deepEqual(await kept(visit), ["the-sites-own"]);
  assert.ok(!sent(stage).includes(anonymousId ?? "?"));
  for (const word of ["Last words", "Afterwards"]) assert.ok(!sent(stage).includes(word), word);
  await visit.leave();
});

test("who logs out is somebody else from then on", async () => {
  const visit = await stage.visit(page({ "data-consent": "granted" }));
  await visit.rendered();
  await visit.tab.evaluate(() => {
    window.edgewise.identify("user-1");
    window.edgewise.track("Mine");
    window.edgewise.identify(null);
    window.edgewise.track("Theirs");
  });
  const [[mine], [theirs]] = [await stage.proxy.hears("Mine"), await stage.proxy.hears("Theirs")];
  assert.equal(mine?.userId, "user-1");
  assert.equal(theirs?.userId, undefined);
  assert.notEqual(mine?.anonymousId, theirs?.anonymousId);
  await visit.leave();
});

test("what a page says of the visitor is sent with consent only", async () => {
  const script = `edgewise.init({ context: { data: { basketValue: 123456 } } })`;
  for (const state of ["granted", "denied"]) {
    const visit = await stage.visit(page({ "data-consent": state }, { stub: true, script }));
    await visit.rendered();
    assert.equal(sent(stage).includes("123456"), state === "granted", state);
    await visit.leave();
    await stage.clear();
  }
});

test("a browser that stores nothing is served all the same", async () => {
  const visitor = await stage.visitor();
  await visitor.context.addInitScript(() => {
    Object.defineProperty(window, "localStorage", {
      get: () => {
        throw new DOMException("denied", "SecurityError");
      },
    });
  });
  const visit = await visitor.open(stage.put(page({ "data-consent": "granted" })));
  assert.deepEqual(await visit.rendered(), { hero: "swapped" });
  await stage.proxy.hears("$impression");
  await visit.leave();
});
