import assert from "node:assert/strict";
import { RecordingProxy } from "./proxy.js";
import { type Policies, Service } from "./service.js";
import { NONCE, type Page, Site } from "./site.js";

/** A browser profile with its storage and tabs. */
export interface BrowserProfile<Visit> {
  open(url: string): Promise<Visit>;
  close(): Promise<void>;
}

/** A running browser. */
export interface RunningBrowser<Visitor> {
  /** Creates a visitor with an empty profile. */
  visitor(): Promise<Visitor>;
  close(): Promise<void>;
}

/** The server, a proxy in front of it, a site that embeds the SDK, and a browser. */
export abstract class BaseStage<Visit, Visitor extends BrowserProfile<Visit>> {
  readonly service: Service;
  readonly proxy = new RecordingProxy(() => this.service.url);
  readonly site = new Site(() => this.proxy.url);
  private browser: Promise<RunningBrowser<Visitor>> | undefined;
  private readonly visitors: Visitor[] = [];
  private pages = 0;

  constructor(policies: Policies, options: string[] = []) {
    this.service = new Service(policies, options);
  }

  protected abstract launch(): Promise<RunningBrowser<Visitor>>;

  async open(): Promise<void> {
    this.browser = this.launch();
    await Promise.all([this.browser, this.service.start(), this.proxy.open(), this.site.open()]);
  }

  /** Creates a visitor with an empty profile. */
  async visitor(): Promise<Visitor> {
    const browser = await this.browser;
    assert.ok(browser, "the stage is not open");
    const visitor = await browser.visitor();
    this.visitors.push(visitor);
    return visitor;
  }

  /** Opens a page as a new visitor. */
  async visit(page: Page, query = ""): Promise<Visit> {
    return (await this.visitor()).open(this.put(page) + query);
  }

  /** Serves a page, and returns its address. */
  put(page: Page): string {
    this.pages += 1;
    return this.site.put(`/${this.pages}`, page);
  }

  /** The script tag with these further attributes. Without a key it does not start. */
  script(attributes = ""): string {
    return `<script nonce="${NONCE}" src="${this.proxy.url}/edgewise.js"${attributes}></script>`;
  }

  /** Closes all visitors, and forgets their requests. */
  async clear(): Promise<void> {
    this.proxy.interceptors.clear();
    await Promise.all(this.visitors.splice(0).map((visitor) => visitor.close()));
    this.proxy.clear();
  }

  async close(): Promise<void> {
    await this.clear();
    // The browser may have failed to start.
    const browser = await this.browser?.catch(() => undefined);
    await browser?.close();
    await Promise.all([this.service.close(), this.proxy.close(), this.site.close()]);
    assert.deepEqual(this.site.violations, []);
  }
}
