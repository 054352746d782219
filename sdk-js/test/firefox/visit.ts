import type { Browser, BrowserContext, Page as Tab } from "puppeteer-core";
import type { BrowserProfile } from "../browser/base-stage.js";
import { OpenPage } from "../browser/open-page.js";
import { eventually } from "../browser/waiting.js";
import { watch } from "../browser/watch.js";

/** A browser context with its storage and tabs. */
export class Visitor implements BrowserProfile<Visit> {
  readonly errors: string[] = [];
  /** The number of responses of the server to the pages of the visitor. */
  answers = 0;

  private constructor(readonly context: BrowserContext) {}

  static async of(browser: Browser): Promise<Visitor> {
    return new Visitor(await browser.createBrowserContext());
  }

  async open(url: string): Promise<Visit> {
    const tab = await this.context.newPage();
    tab.on("pageerror", (error) => {
      // Firefox reports an unreachable server as an error of the page.
      if (!String(error).includes("CORS request did not succeed")) this.errors.push(String(error));
    });
    tab.on("response", (response) => {
      if (response.url().includes("/v1/")) this.answers += 1;
    });
    await tab.setViewport({ width: 1000, height: 700 });
    await tab.evaluateOnNewDocument(watch);
    await tab.goto(url);
    return new Visit(this, tab);
  }

  async close(): Promise<void> {
    await this.context.close();
  }
}

/** A page in Firefox. */
export class Visit extends OpenPage<Visitor, Tab> {
  async text(selector: string): Promise<string> {
    return this.tab.evaluate((one) => document.querySelector<HTMLElement>(one)?.innerText.trim() ?? "", selector);
  }

  async until(predicate: () => boolean): Promise<void> {
    // The driver's own method evaluates a string, which strict policies forbid.
    await eventually(String(predicate), () => this.read(predicate));
  }

  protected async read<Found>(read: () => Found | Promise<Found>): Promise<Found> {
    return (await this.tab.evaluate(read)) as Found;
  }
}
