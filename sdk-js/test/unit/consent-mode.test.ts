import assert from "node:assert/strict";
import { beforeEach, suite, test } from "node:test";
import { consentMode } from "../../src/consent-mode.js";

let layer: unknown[] | undefined;
let said: string[];
const client = { consent: (state: string) => void said.push(state) };

/** As Google's snippet has it. */
function gtag(..._: unknown[]): void {
  (globalThis as unknown as { window: { dataLayer: unknown[] } }).window.dataLayer.push(arguments);
}

const both = (state: string) => ({ analytics_storage: state, personalization_storage: state });

function open(before?: unknown[]): void {
  Object.assign(globalThis, { window: before ? { dataLayer: before } : {} });
}

suite("the consent of Google Consent Mode", () => {
  beforeEach(() => {
    said = [];
    layer = [];
    open(layer);
  });

  test("is granted once all types are, by a default or by an update", () => {
    consentMode(client);
    gtag("consent", "default", both("granted"));
    assert.deepEqual(said, ["granted"]);
    gtag("consent", "default", both("denied"));
    gtag("consent", "update", { analytics_storage: "granted" });
    gtag("consent", "update", { personalization_storage: "granted" });
    assert.deepEqual(said, ["granted", "denied", "granted"]);
  });

  test("stays what it was by a default that denies, as the visitor has not answered", () => {
    consentMode(client);
    gtag("consent", "default", { ...both("denied"), wait_for_update: 500 });
    assert.deepEqual(said, []);
    gtag("consent", "update", both("denied"));
    assert.deepEqual(said, ["denied"]);
  });

  test("is not granted by a type that nobody spoke of", () => {
    consentMode(client);
    gtag("consent", "default", { ad_storage: "granted", analytics_storage: "granted" });
    assert.deepEqual(said, []);
  });

  test("is what the types say that the page names", () => {
    consentMode(client, ["ad_personalization"]);
    gtag("consent", "update", { ...both("denied"), ad_personalization: "granted" });
    assert.deepEqual(said, ["granted"]);
  });

  test("is heard of too when it was said before", () => {
    gtag("consent", "default", both("denied"));
    gtag("js", new Date(0));
    gtag("consent", "update", both("granted"));
    consentMode(client);
    assert.deepEqual(said, ["granted"]);
  });

  test("leaves the data layer as it is for the others, whatever stands in it", () => {
    const seen: unknown[] = [];
    layer!.push = (...entries: unknown[]) => {
      seen.push(...entries);
      return 42;
    };
    consentMode(client);
    const { dataLayer } = (globalThis as unknown as { window: { dataLayer: unknown[] } }).window;
    const entries = [null, undefined, 7, { event: "gtm.js" }, ["consent"], ["consent", "update", null]];
    assert.equal(dataLayer.push(...entries), 42);
    assert.deepEqual(seen, entries);
  });

  test("is waited for on a page without a data layer", () => {
    open();
    consentMode(client);
    gtag("consent", "update", both("granted"));
    assert.deepEqual(said, ["granted"]);
  });
});
