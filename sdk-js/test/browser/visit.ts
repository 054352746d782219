import assert from "node:assert/strict";
import type { Browser, BrowserContext, BrowserContextOptions, Page as Tab } from "playwright-core";
import type { Decision } from "../../src/types.js";
import { type Watched, watch } from "./watch.js";

/** A browser's profile, with what it stores, and the tabs that are open in it. */
export class Visitor {
  readonly errors: string[] = [];
  readonly warnings: string[] = [];

  private constructor(readonly context: BrowserContext) {
    context.on("weberror", (error) => this.errors.push(String(error.error().stack)));
    context.on("console", (message) => {
      if (message.type() === "warning") this.warnings.push(message.text());
    });
  }

  static async of(browser: Browser, options: BrowserContextOptions = {}): Promise<Visitor> {
    const context = await browser.newContext({ viewport: { width: 1000, height: 700 }, ...options });
    await context.addInitScript(watch);
    return new Visitor(context);
  }

  async open(url: string): Promise<Visit> {
    const visit = new Visit(this, await this.context.newPage());
    await visit.tab.goto(url);
    return visit;
  }

  async close(): Promise<void> {
    await this.context.close();
  }
}

/** A page that is open. */
export class Visit {
  constructor(
    readonly visitor: Visitor,
    readonly tab: Tab,
  ) {}

  /** What became of each placement of the page, by their names, once all have been dealt with. */
  async rendered(): Promise<Watched["rendered"]> {
    await this.tab.waitForFunction(() => {
      const names = [...document.querySelectorAll<HTMLElement>("[data-edgewise]")].map((one) => one.dataset.edgewise);
      return names.every((name) => name && window.watched.rendered[name]);
    });
    return this.tab.evaluate(() => window.watched.rendered);
  }

  /** The decisions so far. */
  async decisions(): Promise<Decision[]> {
    return this.tab.evaluate(() => window.watched.decisions);
  }

  async text(selector: string): Promise<string> {
    return (await this.tab.locator(selector).innerText()).trim();
  }

  async attribute(selector: string, name: string): Promise<string | null> {
    return this.tab.locator(selector).getAttribute(name);
  }

  async stored(): Promise<Record<string, string>> {
    return this.tab.evaluate(() => ({ ...localStorage, ...sessionStorage }));
  }

  /** What no page may do, it has not done: no error, no violation of its policy, nothing moved, nothing seen swapped. */
  async check(): Promise<Watched> {
    // A frame later, as the last one's shifts are told of after it.
    await this.tab.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))));
    const watched = await this.tab.evaluate(() => window.watched);
    assert.deepEqual(this.visitor.errors, []);
    assert.deepEqual(watched.violations, []);
    assert.equal(watched.shift, 0, JSON.stringify(watched.shifts));
    for (const [placement, texts] of Object.entries(watched.seen)) {
      assert.ok(texts.length < 2, `${placement} was seen with ${JSON.stringify(texts)}`);
    }
    return watched;
  }

  /** Close the tab, after the check. */
  async leave(): Promise<void> {
    await this.check();
    await this.tab.close();
  }
}
