import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromiumPath, FLAGS } from "./chromium.js";

/**
 * A browser without a driver, under which Chromium would neither prerender nor hide tabs. Its pages report to the site.
 */
export class UndrivenBrowser {
  private readonly profile = mkdtempSync(join(tmpdir(), "edgewise-chromium-"));
  private process: ChildProcess | undefined;
  private control = "";

  /** Starts the browser on a page. */
  async open(url: string): Promise<void> {
    const own = [
      "--headless",
      "--remote-debugging-port=0",
      `--user-data-dir=${this.profile}`,
      "--window-size=1000,700",
    ];
    // In a process group, so that all its processes can be killed together.
    const child = spawn(chromiumPath() ?? "chromium", [...FLAGS, ...own, url], {
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    this.process = child;
    process.once("exit", () => this.kill());
    let output = "";
    this.control = await new Promise((ready, failed) => {
      child.once("error", failed);
      child.once("exit", () => failed(new Error(`Chromium has ended. Its output: ${output}`)));
      child.stderr?.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        const port = /ws:\/\/127\.0\.0\.1:(\d+)/.exec(output)?.[1];
        if (port) ready(`http://127.0.0.1:${port}`);
      });
    });
  }

  /** Opens a tab in front of the others, and returns its id. */
  async tab(url: string): Promise<string> {
    return ((await this.ask(`/json/new?${url}`, "PUT")) as { id: string }).id;
  }

  /** Brings the tab with this address to the front. */
  async show(url: string): Promise<void> {
    const tabs = (await this.ask("/json/list")) as { id: string; url: string }[];
    const tab = tabs.find((one) => one.url.startsWith(url));
    if (!tab) throw new Error(`No tab has the address ${url}. Open are ${tabs.map((one) => one.url)}.`);
    await fetch(`${this.control}/json/activate/${tab.id}`);
  }

  async close(): Promise<void> {
    const child = this.process;
    if (child && child.exitCode === null) {
      const ended = once(child, "exit");
      this.kill();
      await ended;
    }
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  private kill(): void {
    const child = this.process;
    if (child?.pid && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, "SIGKILL");
  }

  private async ask(path: string, method = "GET"): Promise<unknown> {
    return (await fetch(this.control + path, { method })).json();
  }
}
