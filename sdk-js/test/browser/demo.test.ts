// The demo shop as `make demo` runs it.
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { type Browser, type BrowserContextOptions, chromium } from "playwright-core";
import type { Decision } from "../../src/types.js";
import { chromiumPath, FLAGS } from "./chromium.js";
import { type Visit, Visitor } from "./visit.js";
import { eventually } from "./waiting.js";

const EDGEWISE = resolve(process.env.EDGEWISE ?? "../.venv/bin/edgewise");
const PYTHON = join(dirname(EDGEWISE), "python");
/** The demo with a server that has time to decide, so that a slow machine behaves as a fast one. */
const DEMO = `
from edgewise.cli import main
from edgewise.demo import demo_server
demo_server.DECIDE_BUDGET = 10_000
main()
`;
/** The server would treat the user agent of a headless browser as a robot. */
const USER_AGENT =
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36";

let demo: ChildProcess;
let browser: Browser;
let output = "";
let shop: string;

before(async () => {
  demo = spawn(
    PYTHON,
    ["-c", DEMO, "demo", "--port", "0", "--policies", "../policies", "--visitors", "40", "--rate", "40"],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const executablePath = chromiumPath();
  assert.ok(executablePath, "Chromium is missing. Install it, or set CHROMIUM to its path.");
  browser = await chromium.launch({ executablePath, args: FLAGS });
  await new Promise<void>((ready, failed) => {
    demo.once("exit", () => failed(new Error(`The demo has ended. Its output: ${output}`)));
    demo.stdout!.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (output.includes("The server's log:")) ready();
    });
  });
  [, shop = ""] = /The shop is open: (\S+)/.exec(output) ?? assert.fail(output);
});

after(async () => {
  await browser?.close();
  if (demo.exitCode !== null) return;
  demo.kill("SIGINT");
  await once(demo, "exit");
});

test("the shop shows decisions, and each interaction is logged", async () => {
  const visitor = await visitorOf();
  const [home, decisions] = await decided(visitor);

  const { action, payload } = decisions["home-hero"]!;
  const recommended = decisions["home-row"]!.slots!.map((slot) => slot.payload.name);
  assert.equal(await home.text("h1"), payload.headline);
  assert.equal(await home.attribute(".hero-scene", "src"), `/img/hero-${action}.svg`);
  assert.deepEqual(await home.tab.locator(".row .card-name").allInnerTexts(), recommended);
  const anonymousId = (await home.check()).messages[0]!.anonymousId!;

  await home.tab.waitForFunction(
    (id) =>
      window.watched.messages.some(({ event, properties }) => event === "$impression" && properties?.decisionId === id),
    decisions["home-hero"]!.decisionId,
  );
  await go(home, ".hero .button", new URL(payload.href as string, shop).href);
  await home.check();
  await home.tab.goto(`${shop}/p/walnut-bowl`);
  await go(home, ".product .button", `${shop}/cart`);
  assert.equal(await home.text(".count"), "2", "students start with a mug in the basket");
  await home.check();
  await go(home, ".sum .button", `${shop}/checkout`);
  await go(home, ".address .button", `${shop}/thanks`);
  await home.check();

  // The log of the server has the outcomes.
  const logged = async (): Promise<string[]> => {
    const lines = (await exported(anonymousId)).filter(({ placement }) => placement === "home-hero");
    return lines.filter(({ name }) => name).map(({ entry, name }) => `${entry} ${name}`);
  };
  const expected = ["event Order Completed", "outcome $click", "outcome $impression"];
  await eventually(`${expected} in the log`, async () => {
    // A message that was sent again can be in the log twice. The learner counts it once.
    assert.deepEqual([...new Set(await logged())].sort(), expected);
    return true;
  });
  await eventually("the profile to have all events", async () => {
    const events = (await exported(anonymousId)).map(({ profile }) => profile?.events).find(Boolean);
    return events?.["Product Viewed"] === 1 && events["Product Added"] === 1 && events["Checkout Started"] === 1;
  });
  assert.deepEqual(visitor.errors, []);
  await visitor.close();
});

test("the bar names the banner and the nudge, and the row leaves out the products in the basket", async () => {
  const visitor = await visitorOf();
  const [visit, { "home-hero": hero }] = await decided(visitor, "gift-buyers", "policy");
  assert.equal(await visit.text(".demo-shown b"), hero!.action);
  assert.equal(await visit.text(".demo-shown small"), `banner, drawn with ${percent(hero!.propensity!)}`);
  assert.equal(await visit.tab.locator(".demo-note").isVisible(), false);

  await go(visit, ".bag", `${shop}/cart`);
  const { "cart-nudge": nudge, "home-row": row } = await shown(visit, ["cart-nudge", "home-row"], "policy", () =>
    visit.tab.reload(),
  );
  assert.equal(await visit.text(".nudge-box"), nudge!.payload.text ?? "Sixty days to change your mind.");
  assert.equal(await visit.text(".demo-shown b"), nudge!.action);
  assert.equal(await visit.text(".demo-shown small"), `nudge, drawn with ${percent(nudge!.propensity!)}`);
  const basket = await visit.tab.locator(".line .card-name").allInnerTexts();
  const recommended = await visit.tab.locator(".row .card-name").allInnerTexts();
  assert.deepEqual(basket, ["Walnut bowl", "Napkins, set of four"]);
  assert.deepEqual(
    recommended,
    row!.slots!.map((slot) => slot.payload.name),
  );
  assert.ok(!recommended.some((name) => basket.includes(name)), String(recommended));

  await visit.check();
  await visit.tab.click(".demo [data-demo=board]");
  const board = visit.tab.locator(".demo-segments > section", { hasText: "gift buyers" });
  await board.getByText("Cart: the nudge beside the basket").waitFor();

  // Watching shows the home page of another visitor, then the basket.
  await go(visit, ".demo [data-demo=watch]", `${shop}/?utm_source=instagram`);
  await visit.tab.waitForURL(`${shop}/cart`);
  await visitor.close();
});

test("the bar names the control group, and offers to become another visitor", async () => {
  const visitor = await visitorOf({ viewport: { width: 390, height: 844 } });
  await visitor.context.route("**/v1/decide", async (route) => {
    const response = await route.fetch();
    const answer = (await response.json()) as { decisions: Decision[] };
    await route.fulfill({
      response,
      json: { ...answer, decisions: answer.decisions.map((one) => ({ ...one, group: "control" })) },
    });
  });
  const [visit] = await decided(visitor, "yourself", "control");
  assert.equal(await visit.text(".demo-shown small"), "banner, control group");
  assert.match(await visit.text(".demo-note"), /^You are in the control group/);
  await visitor.context.unroute("**/v1/decide");
  const before = (await visit.check()).messages[0]!.anonymousId;
  await go(visit, ".demo-note a", `${shop}/`);
  await visit.rendered();
  const { anonymousId } = await visit.tab.evaluate(() => window.watched.messages[0]!);
  assert.notEqual(anonymousId, before);
  await visitor.close();
});

/** Creates a visitor whose pages have a long budget, so that a slow machine behaves as a fast one. */
async function visitorOf(options: BrowserContextOptions = {}): Promise<Visitor> {
  const visitor = await Visitor.of(browser, { userAgent: USER_AGENT, ...options });
  await visitor.context.addInitScript(() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("[data-edgewise][data-edgewise]:not([data-e]){animation-duration:20s!important}");
    const observer = new MutationObserver(() => {
      const tag = document.querySelector<HTMLElement>("script[data-write-key]");
      if (!tag) return;
      observer.disconnect();
      tag.dataset.budget = "20000";
      document.adoptedStyleSheets.push(sheet);
    });
    observer.observe(document, { childList: true, subtree: true });
  });
  return visitor;
}

/** Opens the home page as a visitor of this kind and group, and returns its decisions. */
async function decided(
  visitor: Visitor,
  guise = "students",
  group?: string,
): Promise<[Visit, Record<string, Decision>]> {
  const visit = await visitor.open(`${shop}/demo/as/${guise}`);
  const decisions = await shown(visit, ["home-hero", "home-row"], group, () =>
    visit.tab.goto(`${shop}/demo/as/${guise}`),
  );
  return [visit, decisions];
}

/** The decisions of these placements. Opens the page again until the visitor is in the given group. */
async function shown(
  visit: Visit,
  names: string[],
  group: string | undefined,
  again: () => Promise<unknown>,
): Promise<Record<string, Decision>> {
  for (;;) {
    const rendered = await visit.rendered();
    const decisions = Object.fromEntries((await visit.decisions()).map((one) => [one.placement, one]));
    await visit.check();
    for (const name of names) {
      assert.equal(decisions[name]?.source, "policy", name);
      assert.match(rendered[name]!, /swapped|default/);
    }
    if (names.every((name) => !group || decisions[name]!.group === group)) return decisions;
    await again();
  }
}

const percent = (share: number) => `${Math.round(100 * share)}%`;

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

async function exported(anonymousId: string): Promise<Line[]> {
  const [, key] = /cat (\S+secret-key)/.exec(output)!;
  const flags = ["export", "--visitor", anonymousId, "--data", dirname(key!)];
  const { stdout } = await promisify(execFile)(EDGEWISE, flags);
  return stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line);
}
