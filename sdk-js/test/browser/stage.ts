import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { FLAGS, chromiumPath } from "./chromium.js";
import { type Running, Scenery } from "./scenery.js";
import { type Visit, Visitor } from "./visit.js";

/** What is shown in Chromium. */
export class Stage extends Scenery<Visit, Visitor> {
  protected async launch(): Promise<Running<Visitor>> {
    const executablePath = chromiumPath();
    assert.ok(executablePath, "found no Chromium, expected one (`make test` says how to install it)");
    const browser = await chromium.launch({
      executablePath,
      args: FLAGS,
      // Visitors go back, and find the page as they left it.
      ignoreDefaultArgs: ["--disable-back-forward-cache"],
    });
    return { visitor: () => Visitor.of(browser), close: () => browser.close() };
  }
}
