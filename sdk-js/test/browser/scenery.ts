import assert from "node:assert/strict";
import { Proxy } from "./proxy.js";
import { type Policies, Service } from "./service.js";
import { type Page, Site } from "./site.js";

/** A browser's profile, with what it stores, and the tabs that are open in it. */
export interface Guest<Visit> {
  open(url: string): Promise<Visit>;
  close(): Promise<void>;
}

/** A browser that runs. */
export interface Running<Visitor> {
  /** Somebody new, with nothing stored. */
  visitor(): Promise<Visitor>;
  close(): Promise<void>;
}

/** All that a test needs: the real server, what stands in front of it, a site that embeds the SDK, and some browser. */
export abstract class Scenery<Visit, Visitor extends Guest<Visit>> {
  readonly service: Service;
  readonly proxy = new Proxy(() => this.service.url);
  readonly site = new Site(() => this.proxy.url);
  private browser: Promise<Running<Visitor>> | undefined;
  private readonly visitors: Visitor[] = [];
  private pages = 0;

  constructor(policies: Policies, options: string[] = []) {
    this.service = new Service(policies, options);
  }

  protected abstract launch(): Promise<Running<Visitor>>;

  async open(): Promise<void> {
    this.browser = this.launch();
    await Promise.all([this.browser, this.service.start(), this.proxy.open(), this.site.open()]);
  }

  /** A new visitor, with nothing stored. */
  async visitor(): Promise<Visitor> {
    const browser = await this.browser;
    assert.ok(browser, "the stage is not open");
    const visitor = await browser.visitor();
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
    // One that did not start needs no end.
    const browser = await this.browser?.catch(() => undefined);
    await browser?.close();
    await Promise.all([this.service.close(), this.proxy.close(), this.site.close()]);
    assert.deepEqual(this.site.violations, []);
  }
}
