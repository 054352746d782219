import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { fixed } from "./policies.js";
import { disconnect, type Interceptor, type Message, respondWith } from "./proxy.js";
import { Stage } from "./stage.js";
import type { Visit } from "./visit.js";

const stage = new Stage({ "hero.toml": fixed("hero", {}) });
/** With consent, unsent messages may be stored. */
const PAGE = { tag: "blocking", attributes: { "data-consent": "granted" }, body: "<p>A page</p>" } as const;

before(() => stage.open());
after(() => stage.close());
afterEach(() => stage.clear());

/** All attempts to send an event. */
function sent(name: string): Message[][] {
  return stage.proxy
    .requests("/v1/batch")
    .map(({ raw }) => (JSON.parse(raw) as { batch: Message[] }).batch.filter(({ event }) => event === name))
    .filter((batch) => batch.length);
}

/** Open another page of the site in the same tab. The browser waits until the first page has handled its last events. */
async function leave(visit: Visit): Promise<void> {
  await visit.tab.goto(stage.put({ tag: "none", body: "" }));
}

/** Track one event now and another one in `pagehide`. */
async function trackUntilHidden(visit: Visit, event: string): Promise<void> {
  await visit.tab.evaluate((event) => {
    addEventListener("pagehide", () => window.edgewise.track(`${event}, at the door`));
    // The SDK listens at the window, so it handles this event first.
    document.addEventListener("visibilitychange", () => localStorage.setItem("hidden", "yes"));
    window.edgewise.track(event);
  }, event);
}

test("messages arrive when the page is left", async () => {
  const visit = await stage.visit(PAGE);
  await trackUntilHidden(visit, "Left");
  await leave(visit);
  await stage.proxy.waitFor("Left");
  await stage.proxy.waitFor("Left, at the door");
});

test("messages arrive when the tab is closed", async () => {
  const visitor = await stage.visitor();
  // Chromium kills a closed page after half a second. If this page did not handle its last events by then, close another.
  for (let pages = 1, isHidden = false; !isHidden; pages++) {
    const visit = await visitor.open(stage.put(PAGE));
    await trackUntilHidden(visit, `Closed ${pages}`);
    await visit.tab.close();
    const next = await visitor.open(stage.put({ tag: "none", body: "" }));
    isHidden = "hidden" in (await next.stored());
    if (!isHidden) continue;
    await stage.proxy.waitFor(`Closed ${pages}`);
    await stage.proxy.waitFor(`Closed ${pages}, at the door`);
  }
});

test("messages arrive when the page is left while another batch is in flight", async () => {
  let release = (): void => undefined;
  stage.proxy.interceptors.set("/v1/batch", async ({ raw }) => {
    if (raw.includes('"First"')) await new Promise<void>((resolve) => (release = resolve));
    return false;
  });
  const visit = await stage.visit(PAGE);
  await visit.tab.evaluate(() => window.edgewise.track("First"));
  await stage.proxy.until("the first batch", () => sent("First").length > 0);
  await visit.tab.evaluate(() => window.edgewise.track("Second"));
  await leave(visit);
  await stage.proxy.waitFor("Second");
  release();
});

test("messages are retried until the server accepts them", async () => {
  const refusals: Record<string, Interceptor> = {
    disconnect,
    unavailable: respondWith("", 503),
    nonsense: respondWith("<html>", 502),
    slow: respondWith("", 408),
    often: respondWith("", 429),
    gone: respondWith("Not found", 404, "text/plain"),
  };
  const refused = new Set<string>();
  stage.proxy.interceptors.set("/v1/batch", (exchange, response) => {
    const name = Object.keys(refusals).find((one) => exchange.raw.includes(`"Refused: ${one}"`));
    if (!name || refused.has(name)) return false;
    refused.add(name);
    return refusals[name]?.(exchange, response) ?? false;
  });
  const url = stage.put(PAGE);
  const visitors = Object.keys(refusals).map(async (name) => {
    const visit = await (await stage.visitor()).open(url);
    await visit.tab.evaluate((event) => window.edgewise.track(event), `Refused: ${name}`);
    const [arrived] = await stage.proxy.waitFor(`Refused: ${name}`);
    const attempts = sent(`Refused: ${name}`).flat();
    assert.ok(attempts.length >= 2, name);
    assert.deepEqual([...new Set(attempts.map(({ messageId }) => messageId))], [arrived?.messageId], name);
    await visit.leave();
  });
  await Promise.all(visitors);
});

test("messages that the server refuses for good are dropped, and do not block others", async () => {
  const url = stage.put(PAGE);
  stage.proxy.interceptors.set("/v1/batch", (exchange, response) => {
    const status = /"Refused with (\d+)"/.exec(exchange.raw)?.[1];
    return status ? respondWith("{}", Number(status))(exchange, response) : false;
  });
  const visitors = [400, 401, 410, 413, 422].map(async (status) => {
    const visit = await (await stage.visitor()).open(url);
    await visit.tab.evaluate((event) => window.edgewise.track(event), `Refused with ${status}`);
    await stage.proxy.until("the refusal", () => sent(`Refused with ${status}`).length > 0);
    await visit.tab.evaluate((event) => window.edgewise.track(event), `After ${status}`);
    await stage.proxy.waitFor(`After ${status}`);
    assert.equal(sent(`Refused with ${status}`).length, 1);
    await visit.leave();
  });
  await Promise.all(visitors);
});

test("messages larger than the limit of one keepalive request arrive in several", async () => {
  const visit = await stage.visit(PAGE);
  await visit.tab.evaluate(() => {
    for (let number = 0; number < 12; number++) window.edgewise.track("Large", { number, text: "€".repeat(9000) });
    window.edgewise.track("After");
  });
  await stage.proxy.waitFor("Large", 12);
  await stage.proxy.waitFor("After");
  for (const { raw } of stage.proxy.requests("/v1/batch")) assert.ok(Buffer.byteLength(raw) <= 65536);
  await visit.leave();
});

test("messages from offline arrive once the network is back", async () => {
  const visit = await stage.visit(PAGE);
  await stage.proxy.waitFor("page");
  await visit.visitor.context.setOffline(true);
  const attempt = visit.tab.waitForEvent("requestfailed");
  await visit.tab.evaluate(() => window.edgewise.track("In the tunnel"));
  await attempt;
  await visit.visitor.context.setOffline(false);
  await stage.proxy.waitFor("In the tunnel");
  await visit.leave();
});

test("the next page sends what the page before could not send", async () => {
  const visitor = await stage.visitor();
  const visit = await visitor.open(stage.put(PAGE));
  await stage.proxy.waitFor("page");
  stage.proxy.interceptors.set("/v1", disconnect);
  await visit.tab.evaluate(() => window.edgewise.track("Left behind"));
  await leave(visit);
  await stage.proxy.until("an attempt", () => sent("Left behind").length > 0);
  stage.proxy.interceptors.clear();
  const next = await visitor.open(stage.put(PAGE));
  await stage.proxy.waitFor("Left behind");
  await next.tab.waitForFunction(() => !Object.keys(localStorage).some((key) => key.startsWith("edgewise.q")));
  await next.leave();
});

test("stored messages have a limited size", async () => {
  const visitor = await stage.visitor();
  stage.proxy.interceptors.set("/v1", disconnect);
  for (let pages = 0; pages < 3; pages++) {
    const visit = await visitor.open(stage.put(PAGE));
    await visit.tab.evaluate(() => {
      for (let number = 0; number < 400; number++) window.edgewise.track("Many", { text: "x".repeat(2000) });
    });
    await leave(visit);
    await visit.tab.close();
  }
  const visit = await visitor.open(stage.put({ tag: "none", body: "" }));
  const stored = await visit.stored();
  const size = Object.entries(stored).reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  assert.ok(size > 10_000 && size < 1_000_000, `${size} characters are stored`);
  await visit.leave();
});

test("the age of a message is correct even if the clock of the visitor is wrong", async () => {
  const visitor = await stage.visitor();
  await visitor.context.addInitScript(() => {
    const ahead = 3 * 3600_000;
    const Real = Date;
    window.Date = class extends Real {
      constructor(...args: [number]) {
        super(...((args.length ? args : [Real.now() + ahead]) as [number]));
      }
      static override now(): number {
        return Real.now() + ahead;
      }
    } as DateConstructor;
  });
  const visit = await visitor.open(stage.put(PAGE));
  await visit.tab.evaluate(async () => {
    const { decisionId } = await window.edgewise.decide("hero", { timeout: 20_000 });
    window.edgewise.reward(decisionId ?? "", 0.5);
  });
  const [reward] = await stage.proxy.waitFor("$reward");
  assert.ok(Date.parse(reward?.timestamp ?? "") - Date.now() > 3600_000, "the clock of the page is right");
  const held = await stage.service.export(reward?.anonymousId ?? "");
  const [outcome] = held.filter(({ name }) => name === "$reward");
  assert.ok((outcome?.age as number) < 60_000, JSON.stringify(outcome));
  await visit.leave();
});
