import assert from "node:assert/strict";
import type { Decision } from "../../src/types.js";
import type { Watched } from "./watch.js";

/** An open page in any browser. */
export abstract class OpenPage<Visitor extends { errors: string[] }, Tab extends { close(): Promise<void> }> {
  /** `errors` has the uncaught errors of all pages of the visitor. */
  constructor(
    readonly visitor: Visitor,
    readonly tab: Tab,
  ) {}

  /** Runs a function in the page. */
  protected abstract read<Found>(read: () => Found | Promise<Found>): Promise<Found>;

  /** Waits until the function returns true in the page. */
  protected abstract until(predicate: () => boolean): Promise<void>;

  /** The result of each placement, once all are rendered. */
  async rendered(): Promise<Watched["rendered"]> {
    await this.until(() => {
      const names = [...document.querySelectorAll<HTMLElement>("[data-edgewise]")].map((one) => one.dataset.edgewise);
      return names.every((name) => !!name && !!window.watched.rendered[name]);
    });
    return this.read(() => window.watched.rendered);
  }

  async decisions(): Promise<Decision[]> {
    return this.read(() => window.watched.decisions);
  }

  async stored(): Promise<Record<string, string>> {
    return this.read(() => ({ ...localStorage, ...sessionStorage }));
  }

  /** Checks that there was no error, no violation, no layout shift, and that no seen content was swapped. */
  async check(): Promise<Watched> {
    // The browser reports the shifts of a frame after it.
    await this.read(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))));
    const watched = await this.read(() => window.watched);
    assert.deepEqual(this.visitor.errors, []);
    assert.deepEqual(watched.violations, []);
    assert.equal(watched.shift, 0, JSON.stringify(watched.shifts));
    for (const [placement, texts] of Object.entries(watched.seen)) {
      assert.ok(texts.length < 2, `${placement} was seen with ${JSON.stringify(texts)}`);
    }
    return watched;
  }

  /** Checks the page, and closes its tab. */
  async leave(): Promise<void> {
    await this.check();
    await this.tab.close();
  }
}
