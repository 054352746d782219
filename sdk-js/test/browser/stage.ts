import assert from "node:assert/strict";
import { type Browser, chromium } from "playwright-core";
import { FLAGS, chromiumPath } from "./chromium.js";
import { Proxy } from "./proxy.js";
import { type Policies, Service } from "./service.js";
import { type Page, Site } from "./site.js";
import { type Visit, Visitor } from "./visit.js";

/** All that a test needs: the real server, what stands in front of it, a site that embeds the SDK, and a browser. */
export class Stage {
  readonly service: Service;
  readonly proxy = new Proxy(() => this.service.url);
  readonly site = new Site(() => this.proxy.url);
  private browser: Browser | undefined;
  private readonly visitors: Visitor[] = [];
  private pages = 0;

  constructor(policies: Policies, options: string[] = []) {
    this.service = new Service(policies, options);
  }

  async open(): Promise<void> {
    const executablePath = chromiumPath();
    assert.ok(executablePath, "found no Chromium, expected one (`make test` says how to install it)");
    const launched = chromium.launch({
      executablePath,
      args: FLAGS,
      // Visitors go back, and find the page as they left it.
      ignoreDefaultArgs: ["--disable-back-forward-cache"],
    });
    [this.browser] = await Promise.all([launched, this.service.start(), this.proxy.open(), this.site.open()]);
  }

  /** A new visitor, with nothing stored. */
  async visitor(): Promise<Visitor> {
    assert.ok(this.browser, "the stage is not open");
    const visitor = await Visitor.of(this.browser);
    this.visitors.push(visitor);
    return visitor;
  }

  /** A new visitor on a page of its own. */
  async visit(page: Page, query = ""): Promise<Visit> {
    return (await this.visitor()).open(this.put(page) + query);
  }

  /** Serve a page under an address of its own. */
  put(page: Page): string {
    this.pages += 1;
    return this.site.put(`/${this.pages}`, page);
  }

  /** After a test: the visitors go, and what was seen of them is forgotten. */
  async clear(): Promise<void> {
    this.proxy.moods.clear();
    await Promise.all(this.visitors.splice(0).map((visitor) => visitor.close()));
    this.proxy.clear();
  }

  async close(): Promise<void> {
    await this.clear();
    await this.browser?.close();
    await Promise.all([this.service.close(), this.proxy.close(), this.site.close()]);
    assert.deepEqual(this.site.violations, []);
  }
}
