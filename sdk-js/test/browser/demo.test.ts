// The demo, as whoever runs `make demo` meets it: its shop embeds the SDK as customers do, without anything for tests.
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, resolve } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { type Browser, chromium } from "playwright-core";
import type { Decision } from "../../src/types.js";
import { FLAGS, chromiumPath } from "./chromium.js";
import { type Visit, Visitor } from "./visit.js";
import { eventually } from "./waiting.js";

const EDGEWISE = resolve(process.env.EDGEWISE ?? "../.venv/bin/edgewise");
/** A headless browser says that it is one, and the service would take it for the robot that it is. */
const USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36";

let demo: ChildProcess;
let browser: Browser;
let said = "";

before(async () => {
  demo = spawn(EDGEWISE, ["demo", "--port", "0", "--policies", "../policies", "--visitors", "40", "--rate", "40"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const executablePath = chromiumPath();
  assert.ok(executablePath, "found no Chromium, expected one (`make test` says how to install it)");
  browser = await chromium.launch({ executablePath, args: FLAGS });
  await new Promise<void>((ready, failed) => {
    demo.once("exit", () => failed(new Error(`the demo ended; it said: ${said}`)));
    demo.stdout!.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (said.includes("The server's log:")) ready();
    });
  });
});

after(async () => {
  await browser?.close();
  if (demo.exitCode !== null) return;
  demo.kill("SIGINT");
  await once(demo, "exit");
});

test("whoever opens the shop gets a page that was decided for them, and what they do is told, once", async () => {
  const [, shop] = /The shop is open: (\S+)/.exec(said) ?? assert.fail(said);
  const visitor = await Visitor.of(browser, { userAgent: USER_AGENT });
  const [home, decisions] = await decided(visitor, shop!);

  const { action, payload } = decisions["home-hero"]!;
  const recommended = decisions["home-row"]!.slots!.map((slot) => slot.payload.name);
  assert.equal(await home.text("h1"), payload.headline);
  assert.equal(await home.attribute(".hero-scene", "src"), `/img/hero-${action}.svg`);
  assert.deepEqual(await home.tab.locator(".row .card-name").allInnerTexts(), recommended);
  const anonymousId = (await home.check()).messages[0]!.anonymousId!;

  await home.tab.waitForFunction(
    (id) => window.watched.messages.some(({ event, properties }) => event === "$impression" && properties?.decisionId === id),
    decisions["home-hero"]!.decisionId,
  );
  await go(home, ".hero .button", new URL(payload.href as string, shop).href);
  await home.check();
  await home.tab.goto(`${shop}/p/walnut-bowl`);
  await go(home, ".product .button", `${shop}/cart`);
  assert.equal(await home.text(".count"), "2", "a student has a mug in the basket already");
  await home.check();
  await go(home, ".sum .button", `${shop}/checkout`);
  await go(home, ".address .button", `${shop}/thanks`);
  await home.check();

  // The page says what came of it; the service's own log is the judge.
  const told = async (): Promise<string[]> => {
    const lines = (await held(anonymousId)).filter(({ placement }) => placement === "home-hero");
    return lines.filter(({ name }) => name).map(({ entry, name }) => `${entry} ${name}`);
  };
  const expected = ["event Order Completed", "outcome $click", "outcome $impression"];
  await eventually(`${expected} in the log`, async () => {
    assert.deepEqual((await told()).sort(), expected);
    return true;
  });
  await eventually("the profile to know of all", async () => {
    const events = (await held(anonymousId)).map(({ profile }) => profile?.events).find(Boolean);
    return events?.["Product Viewed"] === 1 && events["Product Added"] === 1 && events["Checkout Started"] === 1;
  });
  assert.deepEqual(visitor.errors, []);
  await visitor.close();
});

/** The first visit to the home page that was decided in time: on a machine under load pages rightly show their default. */
async function decided(visitor: Visitor, shop: string): Promise<[Visit, Record<string, Decision>]> {
  for (;;) {
    const visit = await visitor.open(`${shop}/demo/as/students`);
    const rendered = await visit.rendered();
    const decisions = Object.fromEntries((await visit.decisions()).map((one) => [one.placement, one]));
    await visit.check();
    const names = ["home-hero", "home-row"];
    if (names.every((name) => decisions[name]?.source === "policy" && /swapped|default/.test(rendered[name]!))) {
      return [visit, decisions];
    }
    await visit.tab.close();
  }
}

async function go(visit: Visit, selector: string, to: string): Promise<void> {
  await visit.tab.click(selector);
  await visit.tab.waitForURL(to);
}

interface Line {
  placement?: string;
  entry?: string;
  name?: string;
  profile?: { events: Record<string, number> } | null;
}

async function held(anonymousId: string): Promise<Line[]> {
  const [, key] = /cat (\S+secret-key)/.exec(said)!;
  const flags = ["export", "--visitor", anonymousId, "--data", dirname(key!)];
  const { stdout } = await promisify(execFile)(EDGEWISE, flags);
  return stdout.split("\n").filter(Boolean).map((line) => JSON.parse(line) as Line);
}
