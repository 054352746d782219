// The page of the README works as it is, for a reader who copies nothing else.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { after, before, test } from "node:test";
import { LocalServer } from "./local-server.js";
import { fixed } from "./policies.js";
import { Stage } from "./stage.js";
import { eventually } from "./waiting.js";

const README = readFileSync("../README.md", "utf8");
const PAYLOAD = { headline: "Shipping is on us", text: "From 40 euros.", label: "How we deliver", href: "/shipping" };

/** Serves the page of the README. The budget is long, so that a slow machine behaves as a fast one. */
class ReadmeSite extends LocalServer {
  protected async answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const page = /^```html\n(<!doctype html>.*?)^```$/ms.exec(README)?.[1];
    assert.ok(page, "README.md has no complete page");
    const served = page
      .replaceAll("http://127.0.0.1:8080", stage.service.url)
      .replace("animation:ew.2s", "animation:ew 20s")
      .replace("data-write-key", 'data-budget="20000" data-write-key');
    response.writeHead(incoming.url === "/" ? 200 : 404, { "content-type": "text/html; charset=utf-8" });
    response.end(incoming.url === "/" ? served : "");
  }
}

/** The order is worth something, and the window is long enough for it. */
const POLICY = fixed("home-hero", PAYLOAD).replace("Signed Up", "Order Completed").replace('"1s"', '"60s"');

const stage = new Stage({ "home-hero.toml": POLICY });
const site = new ReadmeSite();

before(() => Promise.all([stage.open(), site.open()]));
after(() => Promise.all([stage.close(), site.close()]));

const counted = async (outcomes: number): Promise<void> => {
  await eventually(`${outcomes} outcomes to be counted`, async () => {
    return (await stage.service.report("home-hero")).outcomes >= outcomes;
  });
};

test("the page of the README shows the decision, and reports it and an order", async () => {
  const visit = await (await stage.visitor()).open(site.url);
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
