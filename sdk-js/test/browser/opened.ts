import assert from "node:assert/strict";
import type { Decision } from "../../src/types.js";
import type { Watched } from "./watch.js";

/** A page that is open, and what it is asked, whichever the browser and whoever drives it. */
export abstract class Opened<Visitor extends { errors: string[] }, Tab extends { close(): Promise<void> }> {
  /** `errors` of the visitor: what their pages and those pages' scripts threw. */
  constructor(
    readonly visitor: Visitor,
    readonly tab: Tab,
  ) {}

  /** What `read` reads in the page. */
  protected abstract read<Found>(read: () => Found | Promise<Found>): Promise<Found>;

  /** Wait until this is so in the page. */
  protected abstract until(isSo: () => boolean): Promise<void>;

  /** What became of each placement of the page, by their names, once all have been dealt with. */
  async rendered(): Promise<Watched["rendered"]> {
    await this.until(() => {
      const names = [...document.querySelectorAll<HTMLElement>("[data-edgewise]")].map((one) => one.dataset.edgewise);
      return names.every((name) => !!name && !!window.watched.rendered[name]);
    });
    return this.read(() => window.watched.rendered);
  }

  /** The decisions so far. */
  async decisions(): Promise<Decision[]> {
    return this.read(() => window.watched.decisions);
  }

  async stored(): Promise<Record<string, string>> {
    return this.read(() => ({ ...localStorage, ...sessionStorage }));
  }

  /** What no page may do, it has not done: no error, no violation of its policy, nothing moved, nothing seen swapped. */
  async check(): Promise<Watched> {
    // A frame later, as the last one's shifts are told of after it.
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

  /** Close the tab, after the check. */
  async leave(): Promise<void> {
    await this.check();
    await this.tab.close();
  }
}
