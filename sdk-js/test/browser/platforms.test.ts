import assert from "node:assert/strict";
import { after, afterEach, before, suite, test } from "node:test";
import { fixed } from "./policies.js";
import { Stage } from "./stage.js";
import type { Visit } from "./visit.js";

const stage = new Stage({ "hero.toml": fixed("hero", { headline: "Save 10%" }) });

/** Opens a page with a consent platform, whose stub is in the head. */
async function visit(file: string, platform: string, attributes = {}): Promise<Visit> {
  const page = await stage.visit({
    file,
    attributes: { "data-consent": "pending", ...attributes },
    script: platform,
    body: `<p data-edgewise="hero" data-edgewise-fill="headline">Welcome</p>`,
  });
  await page.rendered();
  return page;
}

/** The body of the last request to this path. */
const last = (path: string) =>
  JSON.parse(stage.proxy.requests(path).at(-1)?.raw ?? "{}") as { anonymousId?: string; consent?: string };

/** Checks that nothing is stored before the visitor agrees, nor after the visitor withdraws consent. */
async function checkConsent(page: Visit, agree: () => unknown, refuse: () => unknown): Promise<void> {
  assert.deepEqual([last("/v1/decide").anonymousId, last("/v1/decide").consent], [undefined, "pending"]);
  assert.deepEqual(await page.stored(), {});
  await page.tab.evaluate(agree);
  const [view] = await stage.proxy.waitFor("page");
  assert.ok(view?.anonymousId, "a visitor who agrees gets an id");
  assert.match(JSON.stringify(await page.stored()), new RegExp(view.anonymousId));
  await page.tab.evaluate(refuse);
  assert.deepEqual(await page.stored(), {});
  await page.leave();
}

suite("consent platforms", () => {
  before(() => stage.open());
  after(() => stage.close());
  afterEach(() => stage.clear());

  const TCF = `__tcfapi = (command, version, listener) => {
    answer = (...purposes) => listener({ eventStatus: "useractioncomplete", gdprApplies: true,
      purpose: { consents: Object.fromEntries(purposes.map((one) => [one, true])) } }, true);
    listener({ eventStatus: "cmpuishown", gdprApplies: true, purpose: { consents: {} } }, true); }`;

  test("TCF: storage follows the consent of the visitor", async () => {
    const page = await visit("edgewise-tcf.js", TCF);
    await checkConsent(
      page,
      () => (window as any).answer(1, 5, 6, 8),
      () => (window as any).answer(1),
    );
  });

  test("TCF: the tag can require other purposes", async () => {
    const page = await visit("edgewise-tcf.js", TCF, { "data-purposes": "1,8" });
    await checkConsent(
      page,
      () => (window as any).answer(1, 8),
      () => (window as any).answer(5, 6, 8),
    );
  });

  const GTAG = `dataLayer = []; function gtag() { dataLayer.push(arguments) }
    gtag("consent", "default",
      { ad_storage: "denied", analytics_storage: "denied", personalization_storage: "denied" })`;

  test("Consent Mode: storage follows the consent of the visitor", async () => {
    const page = await visit("edgewise-consent-mode.js", GTAG);
    await checkConsent(
      page,
      () =>
        (window as any).gtag("consent", "update", { analytics_storage: "granted", personalization_storage: "granted" }),
      () => (window as any).gtag("consent", "update", { analytics_storage: "denied" }),
    );
  });

  test("Consent Mode: the tag can require other types", async () => {
    const page = await visit("edgewise-consent-mode.js", GTAG, { "data-types": "ad_storage" });
    await checkConsent(
      page,
      () => (window as any).gtag("consent", "update", { ad_storage: "granted" }),
      () => (window as any).gtag("consent", "update", { ad_storage: "denied" }),
    );
  });
});
