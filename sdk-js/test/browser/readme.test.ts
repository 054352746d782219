// The page of the README works as it is, for a reader who copies nothing else.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { after, afterEach, before, test } from "node:test";
import { LocalServer } from "./local-server.js";
import { fixed } from "./policies.js";
import type { Interceptor } from "./proxy.js";
import { Stage } from "./stage.js";
import { eventually } from "./waiting.js";

const README = readFileSync("../README.md", "utf8");
const PAYLOAD = { headline: "Shipping is on us", text: "From 40 euros.", label: "How we deliver", href: "/shipping" };

/** Serves the page of the README, and under `/patient` with a long budget: a slow machine behaves as a fast one then. */
class ReadmeSite extends LocalServer {
  protected async answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const page = /^```html\n(<!doctype html>.*?)^```$/ms.exec(README)?.[1];
    assert.ok(page, "README.md has no complete page");
    const served = page.replaceAll("http://127.0.0.1:8080", stage.proxy.url);
    const patient = served
      .replace("animation:ew 1s", "animation:ew 20s")
      .replace("data-write-key", 'data-budget="20000" data-write-key');
    const found = { "/": served, "/patient": patient }[incoming.url ?? ""];
    response.writeHead(found ? 200 : 404, { "content-type": "text/html; charset=utf-8" });
    response.end(found);
  }
}

/** The order is worth something, and the window is long enough for it. */
const POLICY = fixed("home-hero", PAYLOAD).replace("Signed Up", "Order Completed").replace('"1s"', '"60s"');

const stage = new Stage({ "home-hero.toml": POLICY });
const site = new ReadmeSite();

before(() => Promise.all([stage.open(), site.open()]));
after(() => Promise.all([stage.close(), site.close()]));
afterEach(() => stage.clear());

const counted = async (outcomes: number): Promise<void> => {
  await eventually(`${outcomes} outcomes to be counted`, async () => {
    return (await stage.service.report("home-hero")).outcomes >= outcomes;
  });
};

/** Forwards requests after a time, as a distant server would. */
const distant =
  (milliseconds: number): Interceptor =>
  async () => {
    await new Promise((done) => setTimeout(done, milliseconds));
    return false;
  };

for (const [script, call] of [
  [30, 30],
  [400, 100],
] as const) {
  test(`the page of the README shows the decision on a first visit, ${script} + ${call} ms away`, async () => {
    stage.proxy.interceptors.set("/edgewise.js", distant(script));
    stage.proxy.interceptors.set("/v1", distant(call));
    // The budget is the real one, so a first visit on a busy machine may be late.
    await eventually("a first visit to show the decision", async () => {
      const visit = await (await stage.visitor()).open(site.url);
      const { "home-hero": rendered } = await visit.rendered();
      const { seen } = await visit.check();
      await visit.tab.close();
      return rendered === "swapped" && seen["home-hero"]?.[0]?.startsWith(PAYLOAD.headline);
    });
  });
}

test("the page of the README shows the decision, and reports it and an order", async () => {
  const visit = await (await stage.visitor()).open(`${site.url}/patient`);
  assert.deepEqual(await visit.rendered(), { "home-hero": "swapped" });
  assert.equal(await visit.text("h2"), PAYLOAD.headline);
  assert.equal(await visit.text("p"), PAYLOAD.text);
  assert.equal(await visit.text("a"), PAYLOAD.label);
  assert.equal(await visit.attribute("a", "href"), PAYLOAD.href);
  await counted(1);
  // An order pays a decision only after its impression.
  await visit.tab.locator("button").click();
  await counted(2);
  await visit.check();
});
