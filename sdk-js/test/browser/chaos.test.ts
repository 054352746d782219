// Closes pages, cuts the network and kills the server at random. Every event must arrive exactly once, and the numbers
// of sent, received and learned events must agree.
//
// EDGEWISE_CHAOS_SEED repeats a run. EDGEWISE_CHAOS_ROUNDS lengthens it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Message } from "../../src/types.js";
import { disconnect, type Interceptor, respondWith } from "./proxy.js";
import type { ExportLine } from "./service.js";
import { Stage } from "./stage.js";
import { Visit, type Visitor } from "./visit.js";
import { eventually } from "./waiting.js";

const SEED = Number(process.env.EDGEWISE_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31));
const ROUNDS = Number(process.env.EDGEWISE_CHAOS_ROUNDS ?? 1);
const STEPS = 80;

/** The reward window in milliseconds, from the first outcome of a decision. */
const WINDOW = 4000;
const CLICK = 0.25;
const LEDGER = "ledger.";

const HERO = `
placement = "hero"
baseline = "plain"
control = { share = 0.0 }
[reward]
window = "${WINDOW}ms"
impression_within = "10m"
range = [0.0, 1000000.0]
[reward.events]
"$click" = ${CLICK}
[[actions]]
id = "plain"
[[actions]]
id = "deal"
`;

/** The log of this placement has the events without a decision id. */
const SIDE = `
placement = "side"
baseline = "plain"
[reward]
window = "1s"
[reward.events]
"Signed Up" = 1.0
[[actions]]
id = "plain"
`;

const stage = new Stage({ "hero.toml": HERO, "side.toml": SIDE }, ["--appendfsync", "always"]);

before(() => stage.open());
after(() => stage.close());

/** The mulberry32 generator. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Records each message in the page before it is sent, and whether the SDK has handled the event that hides the page.
 * Without that event, the last messages of the page may be lost.
 */
const KEEP_LEDGER = `
  const key = "${LEDGER}" + Math.random(), messages = [];
  const write = (isOver) => localStorage.setItem(key, JSON.stringify({ isOver, messages }));
  document.addEventListener("visibilitychange", () => document.hidden && messages.length && write(true));
  edgewise.init({ beforeSend: (message) => { messages.push(message); write(false); return message; } });
`;

/** The server receives the request, but its answer is lost. */
const loseAnswer: Interceptor = async (exchange, response) => {
  const headers = { "content-type": "text/plain" };
  const request = { method: "POST", headers, body: exchange.raw };
  // The server may be down.
  exchange.status = await fetch(stage.service.url + exchange.path, request).then(
    ({ status }) => status,
    () => 0,
  );
  response.socket?.destroy();
  return true;
};

/** Waits for a command at most five seconds. Commands to a page that loads or closes at the same time may never end. */
async function briefly<Result>(order: Promise<Result>): Promise<Result | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, 5000, undefined)));
  const result = await Promise.race([order.catch(() => undefined), over]);
  clearTimeout(timer);
  return result;
}

/** One visitor's browser, in which tabs come and go. */
class Chaos {
  readonly done: string[] = [];
  private tabs: Visit[] = [];
  private restarting: Promise<void> | undefined;
  private offline = false;
  private rewards = 0;

  constructor(
    private readonly visitor: Visitor,
    private readonly urls: string[],
    private readonly draw: () => number,
  ) {}

  /** Runs a random action. */
  async step(): Promise<void> {
    const acts = [
      ...[
        this.track,
        this.track,
        this.track,
        this.click,
        this.open,
        this.close,
        this.close,
        this.navigate,
        this.navigate,
      ],
      ...[this.network, this.intercept, this.crash, this.back],
    ];
    const act = this.pick(acts);
    this.done.push(act.name);
    while (!this.tabs.length) await this.open();
    await act.call(this);
  }

  /** Ends the chaos: closes all tabs, and opens a page that sends no message of its own. */
  async calm(url: string): Promise<Visit> {
    stage.proxy.interceptors.clear();
    await this.visitor.context.setOffline(false);
    await this.restarting;
    for (const { tab } of this.tabs.splice(0)) await briefly(tab.close());
    return this.visitor.open(url);
  }

  private async open(): Promise<void> {
    if (this.tabs.length > 2) return;
    const tab = await briefly(this.visitor.context.newPage());
    if (tab) this.tabs.push(await this.go(tab, this.pick(this.urls)));
  }

  private async go(tab: Visit["tab"], url: string): Promise<Visit> {
    // Offline, the tab shows an error.
    await briefly(tab.goto(url, { waitUntil: "commit" }));
    return new Visit(this.visitor, tab);
  }

  /** Sends a few events at once, sometimes while the page is left. */
  private async track(): Promise<void> {
    const { tab } = this.pick(this.tabs);
    const count = 1 + Math.floor(this.draw() * 5);
    const values = Array.from({ length: count }, () => ++this.rewards);
    const leave = this.draw() < 0.3 ? this.pick(this.urls) : "";
    await briefly(
      tab.evaluate(
        ([values, leave]) => {
          if (!window.edgewise || !window.watched) return;
          const decided = window.watched.decisions.find(({ decisionId }) => decisionId);
          for (const value of values) {
            if (decided?.decisionId && value % 2) window.edgewise.reward(decided.decisionId, value / 1024);
            else window.edgewise.track("Signed Up", { value });
          }
          if (leave) location.href = leave;
        },
        [values, leave] as const,
      ),
    );
  }

  private async click(): Promise<void> {
    const { tab } = this.pick(this.tabs);
    await briefly(tab.evaluate(() => document.querySelector<HTMLElement>("[data-edgewise] b")?.click()));
  }

  private async close(): Promise<void> {
    const [visit] = this.tabs.splice(Math.floor(this.draw() * this.tabs.length), 1);
    if (visit) await briefly(visit.tab.close());
  }

  private async navigate(): Promise<void> {
    const { tab } = this.pick(this.tabs);
    await this.go(tab, this.pick(this.urls));
  }

  private async back(): Promise<void> {
    await briefly(this.pick(this.tabs).tab.goBack({ waitUntil: "commit", timeout: 4000 }));
  }

  private async network(): Promise<void> {
    this.offline = !this.offline;
    await this.visitor.context.setOffline(this.offline);
  }

  private async intercept(): Promise<void> {
    const interceptor = this.pick([
      undefined,
      undefined,
      disconnect,
      loseAnswer,
      respondWith("", 503),
      respondWith("<html>", 502),
    ]);
    if (interceptor) stage.proxy.interceptors.set("/v1/batch", interceptor);
    else stage.proxy.interceptors.clear();
  }

  /** Kills the server, and starts it again in the background. */
  private async crash(): Promise<void> {
    this.restarting ??= stage.service
      .kill()
      .then(() => stage.service.start())
      .finally(() => (this.restarting = undefined));
  }

  private pick<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.draw() * items.length)];
    assert.ok(item !== undefined || items.length);
    return item as Item;
  }
}

/** The messages of all pages: those that must arrive, and those that a killed page may have lost. */
async function ledger(last: Visit): Promise<{ owed: Message[]; doubtful: Message[] }> {
  const kept = Object.entries(await last.stored()).filter(([key]) => key.startsWith(LEDGER));
  const pages = kept.map(([, text]) => JSON.parse(text) as { isOver: boolean; messages: Message[] });
  const messagesOf = (isOver: boolean): Message[] =>
    pages.filter((page) => page.isOver === isOver).flatMap(({ messages }) => messages);
  return { owed: messagesOf(true), doubtful: messagesOf(false) };
}

interface Entry {
  at: string;
  entry: "decision" | "outcome" | "event";
  placement: string;
  key: string;
  name: string;
  value: number | null;
  message: string;
}

/** What the learner should have learned: each outcome once, within the window after the first one of its decision. */
function learnable(log: Entry[]): { decisions: number; reward: number } {
  const closes = new Map<string, number>();
  const paid = new Set<string>();
  let reward = 0;
  for (const { at, key, message, name, value } of log) {
    const time = Date.parse(at);
    if (!closes.has(key)) closes.set(key, time + WINDOW);
    const once = `${key} ${name === "$reward" ? message : name}`;
    if (time >= (closes.get(key) ?? 0) || paid.has(once)) continue;
    paid.add(once);
    reward += name === "$reward" ? (value ?? 0) : name === "$click" ? CLICK : 0;
  }
  return { decisions: closes.size, reward };
}

const named = (messages: Message[], name: string): Message[] =>
  messages.filter(({ event, type }) => event === name || type === name);

/** Checks that all owed messages arrived, and at most the doubtful ones in addition. */
function agrees(what: string, arrived: number, owed: number, doubtful: number): void {
  assert.ok(
    owed <= arrived && arrived <= owed + doubtful,
    `${what}: ${arrived} arrived, ${owed} owed, ${doubtful} doubtful`,
  );
}

async function audit(messages: Awaited<ReturnType<typeof ledger>>, visitor: string): Promise<void> {
  const held = await stage.service.export(visitor);
  const { profile } = held.find((one) => "profile" in one) as unknown as {
    profile: { events: Record<string, number>; pageViews: number };
  };
  const entries = held.filter((one: ExportLine) => "entry" in one) as unknown as Entry[];
  const outcomes = entries.filter(({ entry, placement }) => entry === "outcome" && placement === "hero");
  const count = (name: string): [number, number] => [
    named(messages.owed, name).length,
    named(messages.doubtful, name).length,
  ];

  agrees("page views in the profile", profile.pageViews, ...count("page"));
  agrees("events in the profile", profile.events["Signed Up"] ?? 0, ...count("Signed Up"));
  const events = entries.filter(({ entry }) => entry === "event").map(({ message }) => message);
  agrees("events in the log", events.length, ...count("Signed Up"));
  assert.equal(new Set(events).size, events.length, "an event is in the log twice");
  for (const name of ["$impression", "$click", "$reward"]) {
    const arrived = new Set(outcomes.filter((one) => one.name === name).map(({ message }) => message));
    agrees(`${name} in the log`, arrived.size, ...count(name));
  }
  const values = new Set(outcomes.filter(({ name }) => name === "$reward").map(({ value }) => value));
  for (const { properties } of named(messages.owed, "$reward")) assert.ok(values.has(properties?.value as number));

  const made = entries.filter(({ entry, placement }) => entry === "decision" && placement === "hero").length;
  const expected = learnable(outcomes);
  const report = await eventually(`${made} decisions and ${JSON.stringify(expected)} to be learned`, async () => {
    const current = await stage.service.report("hero");
    return current.decisions === made && current.model?.learnedDecisions === expected.decisions && current;
  });
  const learned = report.actions.reduce((sum, { share, meanReward }) => sum + share * (meanReward ?? 0), 0);
  assert.ok(
    Math.abs(learned * expected.decisions - expected.reward) < 1e-6,
    `${learned * expected.decisions} learned, expected ${expected.reward}`,
  );
}

test(`every event arrives exactly once and is learned (EDGEWISE_CHAOS_SEED=${SEED})`, async (context) => {
  const page = {
    tag: "blocking",
    stub: true,
    script: KEEP_LEDGER,
    attributes: { "data-consent": "granted" },
    body: `<div data-edgewise="hero"><a href="#x"><b>A deal</b></a></div>`,
  } as const;
  const visitor = await stage.visitor();
  const urls = [stage.put(page), stage.put({ ...page, tag: "end" }), stage.put({ ...page, tag: "head" })];
  const draw = random(SEED);
  // The visitor gets an id before the chaos starts.
  const first = await visitor.open(urls[0] ?? "");
  await first.rendered();
  const chaos = new Chaos(visitor, urls, draw);
  for (let step = 0; step < STEPS * ROUNDS; step++) {
    await chaos.step();
    await new Promise((done) => setTimeout(done, draw() * 150));
  }
  await briefly(first.tab.close());
  const last = await chaos.calm(
    stage.put({ ...page, body: "", attributes: { "data-consent": "granted", "data-manual": "" } }),
  );
  const messages = await ledger(last);
  const acts = [...new Set(chaos.done)].map((act) => `${chaos.done.filter((one) => one === act).length} ${act}`);
  context.diagnostic(`${acts.join(", ")}: ${messages.owed.length} events owed, ${messages.doubtful.length} doubtful`);
  // In one short round, chance and the speed of the machine decide how many events there are.
  const enough = ROUNDS > 1 ? 20 : 0;
  assert.ok(messages.owed.length > enough, `only ${messages.owed.length} events were sent`);
  const missing = (): Message[] => {
    const arrived = new Set(stage.proxy.arrived.map(({ messageId }) => messageId));
    return messages.owed.filter(({ messageId }) => !arrived.has(messageId));
  };
  await eventually("all owed events to arrive", async () => !missing().length).catch(async (error: Error) => {
    const sent = stage.proxy.messages(() => true).map(({ messageId }) => messageId);
    const lost = missing().map(({ messageId, event, type, timestamp }) => {
      return `${messageId} ${event ?? type} ${timestamp} ${sent.includes(messageId) ? "sent" : "never sent"}`;
    });
    const stored = Object.entries(await last.stored()).filter(([key]) => key.startsWith("edgewise"));
    assert.fail(`${error.message} ${JSON.stringify({ lost, stored }, null, 1)}`);
  });
  assert.deepEqual(visitor.errors, []);
  await briefly(last.tab.close());
  await audit(messages, messages.owed[0]?.anonymousId ?? "");
});
