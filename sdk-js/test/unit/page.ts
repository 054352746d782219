// A page without a browser: runs the core in a context of its own, with a fake clock, storage and server.
import { join } from "node:path";
import { createContext, runInContext } from "node:vm";
import { buildSync } from "esbuild";
import type { Decision, Message } from "../../src/types.js";

type Core = typeof import("./core.js");

/** A request of the page. `path` is the part after `/v1/`. */
export interface Sent {
  path: string;
  keepalive: boolean;
  body: {
    batch: Message[];
    placements: { id: string }[];
    consent?: string;
    anonymousId?: string;
    sentAt: string;
  } & Record<string, any>;
}

export type Answer = (
  sent: Sent,
) => { status?: number; body?: unknown; headers?: Record<string, string> } | "lost" | "never";

const { outputFiles } = buildSync({
  entryPoints: [join(process.cwd(), "test/unit/core.ts")],
  bundle: true,
  format: "iife",
  globalName: "core",
  write: false,
});
const CODE = outputFiles[0]!.text;

/** A server that allows ids to be stored, and knows one action. */
export const healthy: Answer = ({ path, body }) =>
  path === "decide"
    ? { body: { anonymousId: body.anonymousId ?? null, decisions: body.placements.map(({ id }) => decision(id)) } }
    : { body: { success: true } };

export const decision = (placement: string, more: Partial<Decision> = {}): object => ({
  placement,
  decisionId: `d-${placement}`,
  action: "deal",
  payload: { headline: "Save" },
  group: "policy",
  ...more,
});

export class Page {
  readonly sent: Sent[] = [];
  answer: Answer = healthy;
  isHidden = false;
  /** Milliseconds since 1970. */
  now = Date.parse("2026-06-01T12:00:00Z");
  readonly core: Core;
  private timers: { id: number; at: number; run: () => void }[] = [];
  private readonly listeners: [type: string, listener: (event: object) => void][] = [];
  private ids = 0;

  /** Pages with the same `storage` belong to the same visitor. */
  constructor(
    readonly storage: Record<string, string> = {},
    more: { gpc?: boolean } = {},
  ) {
    const page = this;
    const context = createContext({
      localStorage: storage,
      location: { origin: "https://shop.example", href: "https://shop.example/all", pathname: "/all" },
      navigator: { globalPrivacyControl: more.gpc, language: "de-DE", userAgent: "Test" },
      document: {
        referrer: "",
        get hidden() {
          return page.isHidden;
        },
      },
      Blob,
      URL,
      URLSearchParams,
      queueMicrotask,
      IntersectionObserver: class {},
      addEventListener: (type: string, listener: () => void) => this.listeners.push([type, listener]),
      setTimeout: (run: (...args: unknown[]) => void, wait = 0, ...args: unknown[]) => {
        this.timers.push({ id: ++this.ids, at: this.now + wait, run: () => run(...args) });
        return this.ids;
      },
      clearTimeout: (id?: number) => {
        this.timers = this.timers.filter((timer) => timer.id !== id);
      },
      fetch: (url: string, init: { body: string; keepalive: boolean }) => this.fetch(url, init),
    });
    runInContext(
      `Date.now = () => clock.now;
       const Real = Date;
       Date = class extends Real { constructor(...a) { super(...(a.length ? a : [clock.now])); } };`,
      Object.assign(context, { clock: this }),
    );
    runInContext(CODE, context);
    this.core = runInContext("core", context) as Core;
    Object.assign(this.core.options, { writeKey: "key", endpoint: "https://edge.example" });
  }

  /** Advances the clock, and runs all timers that are due. */
  async pass(ms: number): Promise<void> {
    const until = this.now + ms;
    await settle();
    for (;;) {
      const due = this.timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at || a.id - b.id)[0];
      if (!due) break;
      this.timers = this.timers.filter((timer) => timer !== due);
      this.now = Math.max(this.now, due.at);
      due.run();
      await settle();
    }
    this.now = until;
  }

  dispatch(type: string, more: object = {}): void {
    for (const [one, listener] of this.listeners) if (one === type) listener({ type, ...more });
  }

  hide(): void {
    this.isHidden = true;
    this.dispatch("visibilitychange");
    this.dispatch("pagehide");
  }

  /** The messages of all batches, including repeated ones. */
  get messages(): Message[] {
    return this.sent.filter(({ path }) => path === "batch").flatMap(({ body }) => body.batch);
  }

  get keys(): string[] {
    return Object.keys(this.storage).map((key) => key.replace(/\d{5,}-.*/, "*"));
  }

  private async fetch(url: string, init: { body: string; keepalive: boolean }): Promise<unknown> {
    const sent = {
      path: url.replace("https://edge.example/v1/", ""),
      keepalive: init.keepalive,
      body: JSON.parse(init.body),
    } as Sent;
    this.sent.push(sent);
    const answer = this.answer(sent);
    if (answer === "never") return new Promise(() => {});
    if (answer === "lost") throw new TypeError("Failed to fetch");
    const { status = 200, body = {}, headers = {} } = answer;
    return {
      status,
      headers: new Headers(headers),
      json: async () => JSON.parse(typeof body === "string" ? body : JSON.stringify(body)),
    };
  }
}

/** Lets pending promises settle. */
const settle = () => new Promise((done) => setImmediate(done));
