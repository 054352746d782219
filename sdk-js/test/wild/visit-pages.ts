import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import type { BaseStage, BrowserProfile } from "../browser/base-stage.js";
import type { OpenPage } from "../browser/open-page.js";
import { drawn, fixed, row } from "../browser/policies.js";
import type { Policies } from "../browser/service.js";
import type { Page } from "../browser/site.js";
import { LIBRARIES, scriptOf } from "./libraries.js";
import type { Visit, WildPage } from "./page.js";
import { PAGES } from "./pages/index.js";

/** The placements that pages may have. There is no control group. */
export const POLICIES: Policies = {
  // One action with the id "deal".
  "hero.toml": fixed("hero", { headline: "Students save 10%", image: "/deal.gif", link: "#deal" }),
  "side.toml": fixed("side", { headline: "On the side" }),
  // Draws one of many actions, so a second decision would show another one.
  "drawn.toml": drawn(
    "drawn",
    Array.from({ length: 30 }, (_, index) => `number-${index}`),
  ),
  // Payloads with a name, for three slots.
  "row.toml": row("row", 3, ["sku-1", "sku-2", "sku-3"]),
};

/** What both drivers have. */
interface Tab {
  evaluate<Result>(read: () => Result | Promise<Result>): Promise<Result>;
  click(selector: string): Promise<void>;
  waitForFunction(predicate: () => boolean): Promise<unknown>;
}

type AnyVisitor = BrowserProfile<AnyVisit> & { errors: string[] };
type AnyVisit = OpenPage<{ errors: string[] }, { close(): Promise<void> }> & {
  text(selector: string): Promise<string>;
};

/** Visits all pages in a browser, each with a new visitor. */
export function visitPages(stage: BaseStage<AnyVisit, AnyVisitor>): void {
  before(async () => {
    await stage.open();
    for (const library of LIBRARIES) {
      stage.site.putFile(`/${library}.js`, { headers: { "content-type": "text/javascript" }, body: scriptOf(library) });
    }
  });
  after(() => stage.close());
  afterEach(() => stage.clear());
  for (const page of PAGES.filter(({ name }) => name.includes(process.env.PAGE ?? "")))
    test(page.name, () => visit(stage, page));
}

async function visit(stage: BaseStage<AnyVisit, AnyVisitor>, page: WildPage): Promise<void> {
  const { libraries, tag = "head", others = {}, files = {} } = page;
  const scripts = libraries.map((library) => `<script src="/${library}.js"></script>`).join("");
  const withEdge = (text: string): string => text.replaceAll("EDGE", stage.proxy.url);
  const complete = (body: string): Page => ({
    tag,
    stub: true,
    attributes: { "data-consent": "granted" },
    head: scripts + (page.head ?? ""),
    body: withEdge(body),
    // Most libraries need more than the strict policy of the other tests allows.
    headers: { "content-security-policy": "" },
  });
  for (const [path, body] of Object.entries(others)) stage.site.put(path, complete(body));
  for (const [path, file] of Object.entries(files)) stage.site.putFile(path, { ...file, body: withEdge(file.body) });
  const opened = await stage.visit(complete(page.body));
  await page.visit(visitOf(stage, opened));
  assert.deepEqual(opened.visitor.errors, []);
}

function visitOf({ proxy }: BaseStage<AnyVisit, AnyVisitor>, opened: AnyVisit): Visit {
  const tab = opened.tab as unknown as Tab;
  return {
    run: (read) => tab.evaluate(read),
    click: (selector) => tab.click(selector),
    until: async (predicate) => void (await tab.waitForFunction(predicate)),
    text: (selector) => opened.text(selector),
    received: (name, count) => proxy.waitFor(name, count),
    all: async (name) => {
      const count = proxy.received("All Before").length + 1;
      await tab.evaluate(() => void window.edgewise.track("All Before"));
      await proxy.waitFor("All Before", count);
      return proxy.received(name);
    },
    decisions: () => opened.decisions(),
    get asked() {
      return proxy.decideRequests.map(({ placements }) => placements.map(({ id }) => id));
    },
  };
}
