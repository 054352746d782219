import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import puppeteer, { type Browser } from "puppeteer-core";
import { executable } from "../browser/executable.js";

/** Debian's; then whatever calls itself so: on some systems that is only a hint at another package. */
const NAMES = ["firefox-esr", "firefox"];

/** As few surprises as possible: nothing but the tests' own pages speaks to anybody. */
const PREFERENCES = {
  // Asked of Mozilla at the start, to find out whether there is a network.
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  // All pages in one process. A process ends with its last tab, and then takes along, once in a hundred times, what that
  // was just sending and storing.
  "dom.ipc.processCount": 1,
};

/** A Firefox that was started, on a profile of its own, of which nothing is left when it has ended. */
export class Firefox {
  private constructor(
    readonly browser: Browser,
    private readonly forget: () => void,
  ) {}

  /** Start `FIREFOX`, else the one that the PATH has. */
  static async launch(): Promise<Firefox> {
    const executablePath = executable(process.env.FIREFOX, NAMES);
    assert.ok(executablePath, "found no Firefox, expected one (`make test` says how to install it)");
    const profile = mkdtempSync(join(tmpdir(), "edgewise-firefox-"));
    // It may be writing while it is killed.
    const forget = (): void => rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    try {
      const browser = await puppeteer.launch({
        browser: "firefox",
        executablePath,
        headless: true,
        userDataDir: profile,
        extraPrefsFirefox: PREFERENCES,
        // The driver would end the browser and let the tests go on; see below.
        handleSIGINT: false,
        handleSIGTERM: false,
        handleSIGHUP: false,
      });
      // Should the tests end before they have ended it: the driver, which was here first, kills it.
      process.once("exit", forget);
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(1));
      return new Firefox(browser, forget);
    } catch (error) {
      forget();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.browser.close();
    process.off("exit", this.forget);
    this.forget();
  }
}
