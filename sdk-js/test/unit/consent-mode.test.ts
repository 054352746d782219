import assert from "node:assert/strict";
import { beforeEach, suite, test } from "node:test";
import { consentMode } from "../../src/consent-mode.js";

let layer: unknown[] | undefined;
let states: string[];
const client = { consent: (state: string) => void states.push(state) };

/** As in Google's snippet, which pushes the arguments object. */
function gtag(..._: unknown[]): void {
  // biome-ignore lint/complexity/noArguments: see above.
  (globalThis as unknown as { window: { dataLayer: unknown[] } }).window.dataLayer.push(arguments);
}

const both = (state: string) => ({ analytics_storage: state, personalization_storage: state });

function open(before?: unknown[]): void {
  Object.assign(globalThis, { window: before ? { dataLayer: before } : {} });
}

suite("consent from Google Consent Mode", () => {
  beforeEach(() => {
    states = [];
    layer = [];
    open(layer);
  });

  test("is granted once all types are granted, by a default or an update", () => {
    consentMode(client);
    gtag("consent", "default", both("granted"));
    assert.deepEqual(states, ["granted"]);
    gtag("consent", "default", both("denied"));
    gtag("consent", "update", { analytics_storage: "granted" });
    gtag("consent", "update", { personalization_storage: "granted" });
    assert.deepEqual(states, ["granted", "denied", "granted"]);
  });

  test("does not change by a default that denies", () => {
    consentMode(client);
    gtag("consent", "default", { ...both("denied"), wait_for_update: 500 });
    assert.deepEqual(states, []);
    gtag("consent", "update", both("denied"));
    assert.deepEqual(states, ["denied"]);
  });

  test("is not granted as long as a type is missing", () => {
    consentMode(client);
    gtag("consent", "default", { ad_storage: "granted", analytics_storage: "granted" });
    assert.deepEqual(states, []);
  });

  test("can depend on other types", () => {
    consentMode(client, ["ad_personalization"]);
    gtag("consent", "update", { ...both("denied"), ad_personalization: "granted" });
    assert.deepEqual(states, ["granted"]);
  });

  test("includes what the page pushed before", () => {
    gtag("consent", "default", both("denied"));
    gtag("js", new Date(0));
    gtag("consent", "update", both("granted"));
    consentMode(client);
    assert.deepEqual(states, ["granted"]);
  });

  test("passes all entries on to the data layer", () => {
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

  test("works on a page without a data layer", () => {
    open();
    consentMode(client);
    gtag("consent", "update", both("granted"));
    assert.deepEqual(states, ["granted"]);
  });
});
