import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { BaseStage, type RunningBrowser } from "./base-stage.js";
import { chromiumPath, FLAGS } from "./chromium.js";
import { type Visit, Visitor } from "./visit.js";

/** A stage with Chromium. */
export class Stage extends BaseStage<Visit, Visitor> {
  protected async launch(): Promise<RunningBrowser<Visitor>> {
    const executablePath = chromiumPath();
    assert.ok(executablePath, "Chromium is missing. Install it, or set CHROMIUM to its path.");
    const browser = await chromium.launch({
      executablePath,
      args: FLAGS,
      // The driver turns the back/forward cache off.
      ignoreDefaultArgs: ["--disable-back-forward-cache"],
    });
    return { visitor: () => Visitor.of(browser), close: () => browser.close() };
  }
}
