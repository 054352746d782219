import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { eventually } from "./waiting.js";

const EDGEWISE = resolve(process.env.EDGEWISE ?? "../.venv/bin/edgewise");
const SECRET = "the-secret-of-the-tests";
/** With a connection for each request: the server may close an idle one while a request is already on its way. */
const HEADERS = { authorization: `Bearer ${SECRET}`, connection: "close" };

/** Policy files by their names. */
export type Policies = Record<string, string>;

/** The answer of `GET /v1/policies/{placement}`. */
export interface Report {
  decisions: number;
  outcomes: number;
  learnerLagSeconds: number;
  model: { version: number; learnedDecisions: number } | null;
  actions: { id: string; share: number; meanReward: number | null }[];
}

/** One line of `edgewise export --visitor`. */
export type ExportLine = Record<string, unknown>;

/** The real server with its learner. Its folders outlast the process. */
export class Service {
  private readonly folder = mkdtempSync(join(tmpdir(), "edgewise-browser-"));
  private process: ChildProcess | undefined;
  private output = "";
  private port = 0;

  /** `options` are flags of `edgewise serve`. */
  constructor(
    policies: Policies,
    private readonly options: string[] = [],
  ) {
    this.write(policies);
  }

  /** A restart may change the port. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get isRunning(): boolean {
    return this.process !== undefined;
  }

  write(policies: Policies): void {
    const folder = join(this.folder, "policies");
    mkdirSync(folder, { recursive: true });
    // The server would treat headless browsers as robots.
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
    // If the tests end early.
    process.once("exit", () => child.kill("SIGKILL"));
    const from = this.output.length;
    await new Promise<void>((ready, failed) => {
      child.once("error", failed);
      child.once("exit", () => failed(new Error(`The server has ended. Its output: ${this.output.slice(from)}`)));
      child.stderr?.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
        const listening = /Listening on http:\/\/[^:]+:(\d+)/.exec(this.output.slice(from));
        if (!listening) return;
        this.port = Number(listening[1]);
        ready();
      });
    });
    const isReady = async () => (await fetch(`${this.url}/readyz`, { headers: HEADERS })).ok;
    await eventually("the server to be ready", isReady);
  }

  /** Kills the server and its children without a warning. */
  async kill(): Promise<void> {
    const child = this.process;
    if (!child?.pid) return;
    this.process = undefined;
    // A stopped process cannot start further children.
    child.kill("SIGSTOP");
    const children = childrenOf(child.pid);
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
    await eventually(`${children} to end`, async () => !children.some((pid) => existsSync(`/proc/${pid}`)));
  }

  /** Kills the server, and removes its folders. */
  async close(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async report(placement: string): Promise<Report> {
    return (await this.get(`/v1/policies/${placement}`)) as Report;
  }

  async get(path: string): Promise<unknown> {
    const answer = await fetch(this.url + path, { headers: HEADERS });
    if (!answer.ok) throw new Error(`GET ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  async post(path: string, body: object): Promise<unknown> {
    const headers = { ...HEADERS, "content-type": "application/json" };
    const answer = await fetch(this.url + path, { method: "POST", headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`POST ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /** The output of `edgewise export --visitor`. */
  async export(visitor: string): Promise<ExportLine[]> {
    const flags = ["export", "--visitor", visitor, "--data", join(this.folder, "data")];
    const { stdout } = await promisify(execFile)(EDGEWISE, flags, { maxBuffer: 2 ** 28 });
    return stdout
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as ExportLine);
  }

  /** The last output, for error messages. */
  get log(): string {
    return this.output.slice(-4000);
  }
}

function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  return children.flatMap((child) => [child, ...childrenOf(child)]);
}
