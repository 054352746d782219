import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import puppeteer, { type Browser } from "puppeteer-core";
import { executable } from "../browser/executable.js";

/** Debian's name first. On some systems, `firefox` only refers to another package. */
const NAMES = ["firefox-esr", "firefox"];

/** Turns off everything that would use the network. */
const PREFERENCES = {
  // Firefox would connect to Mozilla to check the network.
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  // A content process ends with its last tab. Rarely, that loses the requests and storage of the tab.
  "dom.ipc.processCount": 1,
};

/** A running Firefox with a temporary profile. */
export class Firefox {
  private constructor(
    readonly browser: Browser,
    private readonly forget: () => void,
  ) {}

  /** Starts `FIREFOX`, or the one in the PATH. */
  static async launch(): Promise<Firefox> {
    const executablePath = executable(process.env.FIREFOX, NAMES);
    assert.ok(executablePath, "Firefox is missing. Install it, or set FIREFOX to its path.");
    const profile = mkdtempSync(join(tmpdir(), "edgewise-firefox-"));
    // Firefox may still be writing.
    const forget = (): void => rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    try {
      const browser = await puppeteer.launch({
        browser: "firefox",
        executablePath,
        headless: true,
        userDataDir: profile,
        extraPrefsFirefox: PREFERENCES,
        // The driver would close the browser, but the tests would continue. See below.
        handleSIGINT: false,
        handleSIGTERM: false,
        handleSIGHUP: false,
      });
      // If the tests end early, the driver kills Firefox before this handler runs.
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
