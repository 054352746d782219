// Pages that nobody arranged for the SDK: late tags, margins, lost attributes, and scripts that replace what it uses.
import assert from "node:assert/strict";
import { after, afterEach, before, suite, test } from "node:test";
import { fixed } from "./policies.js";
import { disconnect, hold } from "./proxy.js";
import { NONCE, type Page } from "./site.js";
import { Stage } from "./stage.js";
import { STUB } from "./stub.js";
import type { Visit } from "./visit.js";
import { eventually } from "./waiting.js";

const HEADLINE = "Students save 10%";
const stage = new Stage({
  "hero.toml": fixed("hero", { headline: HEADLINE }),
  "tall.toml": fixed("tall", { headline: "A long text. ".repeat(200) }),
  "wide.toml": fixed("wide", { headline: "Hi" }),
});
const HERO = `<div data-edgewise="hero"><h1 data-edgewise-fill="headline">Welcome</h1></div><p>The next paragraph</p>`;
const style = (text: string): string => `<style nonce="${NONCE}">${text}</style>`;
/** The styles of the site reserve room. This page does not. */
const PLAIN = style("[data-edgewise]{min-height:0;display:block}");

/** Opens a page, and collects the lines that the SDK writes to the console. */
async function open(page: Page): Promise<{ visit: Visit; lines: string[] }> {
  const visitor = await stage.visitor();
  const lines: string[] = [];
  visitor.context.on("console", (message) => {
    if (message.text().startsWith("edgewise")) lines.push(message.text());
  });
  return { visit: await visitor.open(stage.put(page)), lines };
}

/** Opens a page that shows its default, and decides only after that was painted. */
async function openPainted(page: Page): Promise<Visit> {
  const { interceptor, release } = hold();
  stage.proxy.interceptors.set("/v1/decide", interceptor);
  const { visit } = await open(page);
  await visit.tab.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length);
  release();
  return visit;
}

/** Adds the tag, and the stub if it is given, to a page that was painted, as a tag manager does. */
async function inject(visit: Visit, attributes: Record<string, string>, query = "", stub = ""): Promise<void> {
  await visit.tab.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length);
  await visit.tab.evaluate(
    ([nonce, src, stub, attributes]) => {
      const add = (more: Record<string, string>, text = "") => {
        const script = document.createElement("script");
        for (const [name, value] of Object.entries({ nonce, ...more })) script.setAttribute(name, value);
        script.append(text);
        document.head.append(script);
      };
      if (stub) add({}, stub);
      add({ src, ...attributes });
    },
    [NONCE, `${stage.proxy.url}/edgewise.js${query}`, stub, attributes] as const,
  );
}

/** A page without the tag, which comes from a tag manager. Those need more than a strict policy allows. */
const LATE = { tag: "none", headers: { "content-security-policy": "" } } as const;

const notShown = async (placement: string): Promise<unknown> =>
  ((await stage.service.report(placement)) as unknown as { notShown: unknown }).notShown;

suite("on a page of somebody else", () => {
  before(() => stage.open());
  after(() => stage.close());
  afterEach(() => stage.clear());

  suite("content is swapped, and nothing moves, if", () => {
    const template = (content: string): string => `<template data-edgewise-action="deal">${content}</template>`;
    const pages: Record<string, string> = {
      "only the new content has margins": `<div data-edgewise="hero">words${template("<p>Save</p>")}</div><p>Next</p>`,
      "only the default has margins": `<div data-edgewise="hero"><p>words</p>${template("Save")}</div><p>Next</p>`,
      "the margins of its content collapse": `<div data-edgewise="hero">words
        ${template("<div><p>Save</p></div>")}</div><p>Next</p>`,
      "the new content is a list": `<section><div data-edgewise="hero">words
        ${template("<ul><li>Save</li></ul>")}</div></section><footer>Next</footer>`,
      "nothing in sight comes after it": `<p>Before</p><div data-edgewise="hero">words
        ${template("<h1>Save</h1><p>A lot</p>")}</div>`,
      "it is a cell of a table": `<table><tr><td>Before</td><td data-edgewise="wide" data-edgewise-fill="headline">
        A longer default</td><td>After</td></tr><tr><td>One</td><td>Two</td><td>Three</td></tr></table>`,
      "it is in a flexible row": `<main class="row"><p>Before</p><div data-edgewise="wide" data-edgewise-fill="headline">
        A longer default</div><p>After</p></main>`,
      "it is in a grid": `<main class="grid"><p>Before</p><div data-edgewise="wide" data-edgewise-fill="headline">
        A longer default</div><p>After</p></main>`,
      "it is a box in a line": `<p>Before <b class="box" data-edgewise="wide" data-edgewise-fill="headline">A longer
        default</b> and after.</p>`,
    };
    const layouts = style(
      ".row{display:flex}.grid{display:grid;grid-template-columns:1fr max-content 1fr}.box{display:inline-block}td{display:table-cell!important}",
    );
    for (const [name, body] of Object.entries(pages)) {
      test(name, async () => {
        const visit = await openPainted({
          head: style("[data-edgewise]{min-height:0}div{display:block}") + layouts,
          body,
        });
        assert.deepEqual(Object.values(await visit.rendered()), ["swapped"]);
        await visit.leave();
      });
    }
  });

  test("a tag that comes after the first paint keeps the default, with one line and a count", async () => {
    const { visit, lines } = await open({ ...LATE, body: HERO + HERO });
    await inject(visit, { "data-write-key": "default" }, "", STUB);
    assert.deepEqual(await visit.rendered(), { hero: "late" });
    assert.equal(await visit.tab.locator("h1").first().innerText(), "Welcome");
    assert.deepEqual(lines, [`edgewise: default kept, late: hero ${stage.proxy.url}/edgewise-help.html#late`]);
    assert.equal((await fetch(lines[0]?.split(" ").at(-1) ?? "")).status, 200);
    await stage.proxy.waitFor("$notShown", 2);
    assert.deepEqual(await notShown("hero"), { late: 2, moved: 0, timeout: 0 });
    await visit.leave();
  });

  for (const query of ["", "?key=default&late=swap"]) {
    test(`data-late="swap" ${query ? "in the address " : ""}swaps what was seen, and fades it in`, async () => {
      const { visit, lines } = await open({ ...LATE, body: HERO });
      await visit.tab.evaluate(() => {
        const { animate } = Element.prototype;
        Element.prototype.animate = function (frames, options) {
          if (JSON.stringify(frames).includes("opacity")) this.setAttribute("data-faded", `${options}`);
          return animate.call(this, frames, options);
        };
      });
      await inject(visit, query ? {} : { "data-write-key": "default", "data-late": "swap" }, query, STUB);
      assert.deepEqual(await visit.rendered(), { hero: "swapped" });
      assert.equal(await visit.text("h1"), HEADLINE);
      assert.equal(await visit.attribute("[data-edgewise]", "data-faded"), "200");
      await stage.proxy.waitFor("$impression");
      const { shift } = await visit.tab.evaluate(() => window.watched);
      assert.deepEqual([shift, lines, visit.visitor.errors], [0, [], []]);
      await visit.tab.close();
    });
  }

  test("the stub hides nothing that was painted", async () => {
    const { visit } = await open({ ...LATE, body: HERO });
    stage.proxy.interceptors.set("/v1", hold().interceptor);
    await inject(visit, { "data-write-key": "default", "data-late": "swap" }, "", STUB);
    await stage.proxy.until("the decide request", ({ decideRequests }) => decideRequests.length > 0);
    assert.equal(await visit.tab.evaluate(() => document.getAnimations().length), 0);
    await visit.leave();
  });

  for (const consent of ["granted", "pending", "denied"]) {
    test(`a report that the default stays names no visitor, with consent "${consent}"`, async () => {
      const before = (await notShown("tall")) as { moved: number };
      const { visit, lines } = await open({
        attributes: { "data-consent": consent },
        head: PLAIN,
        body: `<div data-edgewise="tall"><p data-edgewise-fill="headline">Welcome</p></div><p>The next paragraph</p>`,
      });
      assert.deepEqual(await visit.rendered(), { tall: "moved" });
      const [report] = await stage.proxy.waitFor("$notShown");
      const { messageId, timestamp, ...rest } = report ?? {};
      assert.deepEqual(rest, {
        type: "track",
        event: "$notShown",
        properties: { placement: "tall", reason: "moved" },
      });
      assert.equal(lines.length, 1);
      const counted = async () => ((await notShown("tall")) as { moved: number }).moved === before.moved + 1;
      await eventually("the report to be counted", counted);
      await visit.leave();
    });
  }

  test("a server that does not answer is reported as such once it does", async () => {
    stage.proxy.interceptors.set("/v1", disconnect);
    const { visit, lines } = await open({ body: HERO });
    assert.deepEqual(await visit.rendered(), { hero: "timeout" });
    assert.match(lines.join(), /default kept, timeout: hero/);
    stage.proxy.interceptors.clear();
    const [report] = await stage.proxy.waitFor("$notShown");
    assert.deepEqual(report?.properties, { placement: "hero", reason: "timeout" });
    await visit.leave();
  });

  suite("the tag finds its options", () => {
    const script = (attributes: string, src = `${"EDGE"}/edgewise.js`): string =>
      `<script nonce="${NONCE}" src="${src}" ${attributes}></script>`.replace("EDGE", stage.proxy.url);

    test("as a module", async () => {
      const head = script('type="module" data-write-key="default" data-budget="20000"');
      const { visit } = await open({ tag: "none", stub: true, head, body: HERO });
      assert.deepEqual(await visit.rendered(), { hero: "swapped" });
      await visit.leave();
    });

    test("in its address, if a tag manager drops the attributes", async () => {
      const head = script("async", `${stage.proxy.url}/edgewise.js?key=default&amp;budget=20000`);
      const { visit } = await open({ tag: "none", stub: true, head, body: HERO });
      assert.deepEqual(await visit.rendered(), { hero: "swapped" });
      await visit.leave();
    });

    test("in a call, if a bundler includes it", async () => {
      const bundled = `fetch("${stage.proxy.url}/edgewise.js").then((answer) => answer.text()).then((text) => {
        const script = document.createElement("script");
        script.nonce = "${NONCE}";
        script.append(text);
        document.head.append(script);
        edgewise.init({ writeKey: "default", endpoint: "${stage.proxy.url}", budget: 20000 });
      })`;
      const { visit, lines } = await open({
        tag: "none",
        stub: true,
        script: bundled,
        body: HERO,
        headers: { "content-security-policy": "" },
      });
      assert.deepEqual(await visit.rendered(), { hero: "swapped" });
      assert.deepEqual(lines, []);
      await visit.leave();
    });

    test("or writes one line that the key is missing", async () => {
      const { visit, lines } = await open({ tag: "none", head: script(""), body: HERO });
      await eventually("the line", async () => lines.length > 0);
      assert.deepEqual(lines, [`edgewise: default kept, key: page ${stage.proxy.url}/edgewise-help.html#key`]);
      await visit.leave();
    });
  });

  const scripts: Record<string, string> = {
    "adds methods to all arrays and objects": `
      Array.prototype.each = Object.prototype.extend = () => {}`,
    "replaces what JSON, arrays and dates do, as Prototype.js did": `
      for (const { prototype } of [Array, String, Number]) prototype.toJSON = function () { return '"' + this + '"' };
      Date.prototype.toJSON = function () { return '"' + this.toISOString() + '"' };
      Array.prototype.reduce = function () { return this.length > 1 ? this : this[0] };
`,
    "declares a variable with the name of the SDK": "var edgewise = edgewise || {}",
    "wraps the browser's functions": `
      for (const [owner, name] of [[window, "fetch"], [document, "querySelector"], [document, "querySelectorAll"],
        [history, "pushState"], [window, "setTimeout"]]) {
        const original = owner[name];
        owner[name] = function (...args) { return original.apply(owner, args) };
      }
      const { then } = Promise.prototype;
      Promise.prototype.then = function (...args) { return then.apply(this, args) }`,
    "has a storage that throws": `
      Object.defineProperty(window, "localStorage", { get() { throw new DOMException("denied", "SecurityError") } })`,
  };
  for (const [name, script] of Object.entries(scripts)) {
    test(`a script that ${name} breaks nothing`, async () => {
      const { visit, lines } = await open({ script, body: HERO, attributes: { "data-page-type": "home" } });
      assert.deepEqual(await visit.rendered(), { hero: "swapped" });
      assert.equal(await visit.text("h1"), HEADLINE);
      const [impression] = await stage.proxy.waitFor("$impression");
      assert.equal(impression?.properties?.action, "deal");
      await visit.tab.evaluate(() => window.edgewise.track("Signed Up", { plans: ["pro", "team"], seats: 3 }));
      const [event] = await stage.proxy.waitFor("Signed Up");
      assert.deepEqual(event?.properties, { plans: ["pro", "team"], seats: 3 });
      assert.deepEqual(lines, []);
      await visit.leave();
    });
  }

  for (const [name, element] of [
    ["form", `<form id="edgewise"><input name="init"><input name="q"></form>`],
    ["frame", `<iframe name="edgewise"></iframe>`],
  ] as const) {
    for (const stub of [true, false]) {
      test(`the name of the SDK on an element (${name}) breaks nothing, ${stub ? "with" : "without"} the stub`, async () => {
        const body = `${element}<div data-edgewise="hero"><h1 data-edgewise-fill="headline">Welcome</h1></div>`;
        const { visit } = await open({
          stub,
          tag: "end",
          body: `<div class="above"></div>${body}`,
          head: style(".above{height:1500px}"),
        });
        assert.deepEqual(await visit.rendered(), { hero: "swapped" });
        await stage.proxy.waitFor("page");
        await visit.leave();
      });
    }
  }

  test("a page that the server refuses gets one line, with the server's remedy", async () => {
    const { visit, lines } = await open({ attributes: { "data-write-key": "shop-publik" }, body: HERO });
    assert.deepEqual(await visit.rendered(), { hero: "timeout" });
    const help = `${stage.proxy.url}/edgewise-help.html#error`;
    assert.deepEqual(lines, [`edgewise: default kept, error: Unknown writeKey. Copy the key from site.toml. ${help}`]);
    await visit.leave();
  });

  test("a browser function that fails gives one line in the console, and no error of the page", async () => {
    const script = `Element.prototype.animate = () => { throw new Error("no animations") }`;
    const { visit, lines } = await open({ script, body: HERO + HERO });
    await eventually("the line", async () => lines.length > 0);
    assert.match(lines.join(), /^edgewise: default kept, error: Error: no animations [^,]*$/);
    assert.deepEqual(visit.visitor.errors, []);
    await visit.tab.close();
  });

  test("the style sheets of the page stay, in each order", async () => {
    const own = `const own = new CSSStyleSheet(); own.replaceSync("h1{color:rgb(1,2,3)}");
      document.adoptedStyleSheets = [...document.adoptedStyleSheets, own];`;
    const { visit } = await open({ stub: false, script: own + STUB, body: HERO });
    await visit.rendered();
    const color = await visit.tab.evaluate(() => getComputedStyle(document.querySelector("h1") as Element).color);
    assert.equal(color, "rgb(1, 2, 3)");
    await visit.leave();
  });

  test("a sandboxed frame and a written document show their default without an error", async () => {
    const inner = `<script src="EDGE/edgewise.js" data-write-key="default" data-budget="500"></script>
      <p data-edgewise="hero" data-edgewise-fill="headline">Welcome</p>`.replace("EDGE", stage.proxy.url);
    const { visit } = await open({
      tag: "none",
      headers: { "content-security-policy": "" },
      body: `<iframe sandbox="allow-scripts" srcdoc='${inner}'></iframe><iframe id="written"></iframe>`,
    });
    await visit.tab.evaluate((html) => {
      const { contentDocument } = document.querySelector("#written") as HTMLIFrameElement;
      contentDocument?.write(html);
      contentDocument?.close();
    }, inner);
    await stage.proxy.until("both frames to ask", ({ decideRequests }) => decideRequests.length === 2);
    assert.deepEqual(visit.visitor.errors, []);
    await visit.tab.close();
  });
});
