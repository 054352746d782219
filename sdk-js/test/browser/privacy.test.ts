import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { fixed } from "./policies.js";
import type { Page } from "./site.js";
import { Stage } from "./stage.js";
import type { Visit, Visitor } from "./visit.js";

const HERO = { "hero.toml": fixed("hero", { headline: "Students save 10%" }) };
const BODY = `<div data-edgewise="hero"><a href="#x" data-edgewise-fill="headline">Welcome</a></div>`;

const stage = new Stage(HERO);
/** A site that requires consent. */
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

/** Everything that the browser stores for the site, except its cache. */
async function storedBy(visit: Visit): Promise<unknown[]> {
  const { context } = visit.visitor;
  const databases = await visit.tab.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));
  return [...Object.keys(await visit.stored()), ...(await context.cookies()), ...databases];
}

/** The bodies and headers of all requests. */
const sent = (on: Stage): string =>
  on.proxy.exchanges.map(({ raw, headers }) => raw + JSON.stringify(headers)).join("\n");

/** A visit with an impression, a click, an event, a login, a reward, and a second page. */
async function browse(visitor: Visitor, on: Stage, url: string): Promise<Visit> {
  const visit = await visitor.open(url);
  await visit.rendered();
  assert.equal(await visit.text("a"), "Students save 10%");
  await on.proxy.waitFor("$impression");
  await visit.tab.locator("a").click();
  await on.proxy.waitFor("$click");
  await visit.tab.evaluate(() => {
    window.edgewise.identify("mail@example.org", { name: "Ada" });
    window.edgewise.track("Signed Up", { secret: "plan" });
    const { decisionId } = window.watched.decisions[0] ?? {};
    window.edgewise.reward(decisionId ?? "", 1);
  });
  await on.proxy.waitFor("$reward");
  await visit.check();
  await visit.tab.goto(url);
  await visit.rendered();
  return visit;
}

for (const [state, open] of Object.entries({
  "consent is denied": () =>
    stage.visitor().then((visitor) => [stage, visitor, page({ "data-consent": "denied" })] as const),
  "consent is pending": () =>
    stage.visitor().then((visitor) => [stage, visitor, page({ "data-consent": "pending" })] as const),
  "the browser sends Global Privacy Control": async () => {
    const visitor = await stage.visitor();
    await visitor.context.addInitScript(() => {
      Object.defineProperty(navigator, "globalPrivacyControl", { value: true });
    });
    return [stage, visitor, page({ "data-consent": "granted" })] as const;
  },
})) {
  test(`nothing is stored, and no id is sent, if ${state}`, async () => {
    const [on, visitor, shown] = await open();
    const visit = await browse(visitor, on, on.put(shown));
    assert.deepEqual(await storedBy(visit), []);
    const text = sent(on);
    for (const word of ["anonymousId", "userId", "mail@example.org", "Ada", "secret", '"Signed Up"', "cookie"]) {
      assert.ok(!text.includes(word), word);
    }
    assert.deepEqual(
      new Set(on.proxy.arrived.map(({ event }) => event)),
      new Set(["$impression", "$click", "$reward"]),
    );
    await visit.leave();
  });
}

test("nothing is stored without an answer on a site that requires consent", async () => {
  // Without a page view, which would contain the id if it is sent before the server answers.
  const visit = await browse(await strict.visitor(), strict, strict.put(page({ "data-manual": "" })));
  assert.deepEqual(await storedBy(visit), []);
  for (const { event } of strict.proxy.arrived) assert.match(event ?? "page", /^\$/);
  await visit.leave();
});

test("with consent, one id is stored without cookies, and is the same on the next page", async () => {
  const visit = await browse(await stage.visitor(), stage, stage.put(page({ "data-consent": "granted" })));
  assert.deepEqual(await visit.visitor.context.cookies(), []);
  const stored = await visit.stored();
  for (const key of Object.keys(stored)) assert.match(key, /^edgewise/);
  const ids = new Set(stage.proxy.decideRequests.map(({ body }) => body.anonymousId));
  assert.equal(ids.size, 1);
  assert.ok(stored.edgewise?.includes(String([...ids][0])));
  const [signedUp] = await stage.proxy.waitFor("Signed Up");
  assert.equal(signedUp?.userId, "mail@example.org");
  await visit.leave();
});

test("consent that comes later reports the page view, but no earlier events", async () => {
  const visit = await stage.visit(page({ "data-consent": "pending" }));
  await visit.rendered();
  await visit.tab.evaluate(() => window.edgewise.track("Before"));
  await visit.tab.evaluate(() => window.edgewise.consent("granted"));
  await visit.tab.evaluate(() => window.edgewise.track("After"));
  const [after] = await stage.proxy.waitFor("After");
  assert.match(after?.anonymousId ?? "", /./);
  assert.equal(stage.proxy.received("page").length, 1);
  assert.deepEqual(stage.proxy.received("Before"), []);
  assert.ok((await storedBy(visit)).length);
  await visit.leave();
});

test("withdrawing consent removes everything that is stored or queued", async () => {
  const visitor = await stage.visitor();
  const url = stage.put(page({ "data-consent": "granted" }));
  const visit = await browse(visitor, stage, url);
  const [{ anonymousId } = {}] = stage.proxy.received("Signed Up");
  assert.ok((await storedBy(visit)).length);
  // The second page sends no further messages by itself.
  await Promise.all([stage.proxy.waitFor("page", 2), stage.proxy.waitFor("$impression", 2)]);
  stage.proxy.clear();
  await visit.tab.evaluate(() => {
    localStorage.setItem("edgewise.q.left-by-another-page", "[]");
    localStorage.setItem("the-sites-own", "stays");
    window.edgewise.track("Last words");
    window.edgewise.consent("denied");
  });
  assert.deepEqual(await storedBy(visit), ["the-sites-own"]);
  await visit.tab.evaluate(() => window.edgewise.track("Afterwards"));
  // The visitor returns, and still nothing is stored.
  await visit.tab.goto(stage.put(page({ "data-consent": "denied" })));
  await visit.rendered();
  await stage.proxy.waitFor("$impression");
  assert.deepEqual(await storedBy(visit), ["the-sites-own"]);
  assert.ok(!sent(stage).includes(anonymousId ?? "?"));
  for (const word of ["Last words", "Afterwards"]) assert.ok(!sent(stage).includes(word), word);
  await visit.leave();
});

test("a visitor who logs out gets a new id", async () => {
  const visit = await stage.visit(page({ "data-consent": "granted" }));
  await visit.rendered();
  await visit.tab.evaluate(() => {
    window.edgewise.identify("user-1");
    window.edgewise.track("Mine");
    window.edgewise.identify(null);
    window.edgewise.track("Theirs");
  });
  const [[mine], [theirs]] = [await stage.proxy.waitFor("Mine"), await stage.proxy.waitFor("Theirs")];
  assert.equal(mine?.userId, "user-1");
  assert.equal(theirs?.userId, undefined);
  assert.notEqual(mine?.anonymousId, theirs?.anonymousId);
  await visit.leave();
});

test("context.data is sent only with consent", async () => {
  const script = `edgewise.init({ context: { data: { basketValue: 123456 } } })`;
  for (const state of ["granted", "denied"]) {
    const visit = await stage.visit(page({ "data-consent": state }, { stub: true, script }));
    await visit.rendered();
    assert.equal(sent(stage).includes("123456"), state === "granted", state);
    await visit.leave();
    await stage.clear();
  }
});

test("the SDK works if the browser blocks storage", async () => {
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
  await stage.proxy.waitFor("$impression");
  await visit.leave();
});
