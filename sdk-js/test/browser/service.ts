import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { eventually } from "./waiting.js";

const EDGEWISE = resolve(process.env.EDGEWISE ?? "../.venv/bin/edgewise");
const SECRET = "the secret of the tests";

/** Policy files by their names. A site of visitors that no robot filter may take for robots is added. */
export type Policies = Record<string, string>;

/** How a policy does, as `GET /v1/policies/{placement}` tells. */
export interface Report {
  decisions: number;
  outcomes: number;
  learnerLagSeconds: number;
  model: { version: number; learnedDecisions: number } | null;
  actions: { id: string; share: number; meanReward: number | null }[];
}

/** One line of `edgewise export --visitor`. */
export type Held = Record<string, unknown>;

/** The real server with its real learner, on folders of its own, which outlast its process. */
export class Service {
  private readonly folder = mkdtempSync(join(tmpdir(), "edgewise-browser-"));
  private process: ChildProcess | undefined;
  private said = "";
  private port = 0;

  /** Options are flags of `edgewise serve`. */
  constructor(
    policies: Policies,
    private readonly options: string[] = [],
  ) {
    this.write(policies);
  }

  /** Where it listens now; a new start may have another port. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get isRunning(): boolean {
    return this.process !== undefined;
  }

  write(policies: Policies): void {
    const folder = join(this.folder, "policies");
    mkdirSync(folder, { recursive: true });
    // Tests look at headless browsers, which call themselves what crawlers do, at rates that people do not have.
    for (const [name, text] of Object.entries({ "site.toml": 'robots = "learn"\n', ...policies })) {
      writeFileSync(join(folder, name), text);
    }
  }

  async start(): Promise<void> {
    const flags = ["--port", "0", "--workers", "1", "--decide-budget", "10s", ...this.options];
    const folders = ["--policies", join(this.folder, "policies"), "--data", join(this.folder, "data")];
    const child = spawn(EDGEWISE, ["serve", ...flags, ...folders], {
      env: { ...process.env, EDGEWISE_SECRET_KEY: SECRET },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.process = child;
    // Should the tests end before they have ended it.
    process.once("exit", () => child.kill("SIGKILL"));
    const from = this.said.length;
    await new Promise<void>((ready, failed) => {
      child.once("error", failed);
      child.once("exit", () => failed(new Error(`the server ended; it said: ${this.said.slice(from)}`)));
      child.stderr?.setEncoding("utf8").on("data", (text: string) => {
        this.said += text;
        const listening = /listening on http:\/\/[^:]+:(\d+)/.exec(this.said.slice(from));
        if (!listening) return;
        this.port = Number(listening[1]);
        ready();
      });
    });
    await eventually("the server to be ready", async () => (await fetch(`${this.url}/readyz`)).ok);
  }

  /** Kill it as the machine's out-of-memory killer would, and wait until nothing of it is left. */
  async kill(): Promise<void> {
    const child = this.process;
    if (!child?.pid) return;
    this.process = undefined;
    // Stopped first, so that it starts no further child between being asked for them and its end.
    child.kill("SIGSTOP");
    const children = childrenOf(child.pid);
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
    await eventually(`${children} to end`, async () => !children.some((pid) => existsSync(`/proc/${pid}`)));
  }

  /** Kill it, and remove what it kept. */
  async close(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async report(placement: string): Promise<Report> {
    return (await this.get(`/v1/policies/${placement}`)) as Report;
  }

  async get(path: string): Promise<unknown> {
    const answer = await fetch(this.url + path, { headers: { authorization: `Bearer ${SECRET}` } });
    if (!answer.ok) throw new Error(`GET ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  async post(path: string, body: object): Promise<unknown> {
    const headers = { authorization: `Bearer ${SECRET}`, "content-type": "application/json" };
    const answer = await fetch(this.url + path, { method: "POST", headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`POST ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /** All that is held of a visitor, as the command line exports it. */
  async export(visitor: string): Promise<Held[]> {
    const flags = ["export", "--visitor", visitor, "--data", join(this.folder, "data")];
    const { stdout } = await promisify(execFile)(EDGEWISE, flags, { maxBuffer: 2 ** 28 });
    return stdout
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Held);
  }

  /** What it said last, for failures. */
  get log(): string {
    return this.said.slice(-4000);
  }
}

function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  return children.flatMap((child) => [child, ...childrenOf(child)]);
}
