import type { Browser, BrowserContext, BrowserContextOptions, Page as Tab } from "playwright-core";
import type { BrowserProfile } from "./base-stage.js";
import { OpenPage } from "./open-page.js";
import { watch } from "./watch.js";

/** A browser profile with its storage and tabs. */
export class Visitor implements BrowserProfile<Visit> {
  readonly errors: string[] = [];
  /** The number of responses of the server to the pages of the visitor. */
  answers = 0;

  private constructor(readonly context: BrowserContext) {
    context.on("weberror", (error) => this.errors.push(String(error.error().stack)));
    context.on("response", (response) => {
      if (response.url().includes("/v1/")) this.answers += 1;
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

/** A page in Chromium. */
export class Visit extends OpenPage<Visitor, Tab> {
  async text(selector: string): Promise<string> {
    return (await this.tab.locator(selector).innerText()).trim();
  }

  async attribute(selector: string, name: string): Promise<string | null> {
    return this.tab.locator(selector).getAttribute(name);
  }

  protected async read<Found>(read: () => Found | Promise<Found>): Promise<Found> {
    return this.tab.evaluate(read);
  }

  protected async until(predicate: () => boolean): Promise<void> {
    await this.tab.waitForFunction(predicate);
  }
}
