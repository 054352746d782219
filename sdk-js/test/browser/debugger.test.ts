import assert from "node:assert/strict";
import { after, afterEach, before, suite, test } from "node:test";
import type { Locator } from "playwright-core";
import { drawn, fixed, row } from "./policies.js";
import { NONCE, type Page } from "./site.js";
import { Stage } from "./stage.js";
import type { Visit } from "./visit.js";
import { eventually } from "./waiting.js";

const MOBILE = `when = { "device.type" = "tv" }\n`;
const ROW = row("row", 2, ["sku-1", "sku-2", "sku-3"]);

const stage = new Stage({
  "hero.toml": drawn("hero", ["plain", "deal"]) + MOBILE,
  "variant.toml": drawn("variant", ["first", "second", "third"]),
  "row.toml": ROW,
  "code.toml": fixed("code", { headline: "By code" }),
});

const PAGE: Page = {
  tag: "blocking",
  body: `<div data-edgewise="hero" title="Welcome" data-edgewise-fill="title=headline">
      <h1 data-edgewise-fill="headline">Welcome</h1>
      <a href="/more">More</a></div>
    <div data-edgewise="variant"><p>The default</p>
      <template data-edgewise-action="first"><h2>The first</h2></template>
      <template data-edgewise-action="second"><h2>The second</h2></template></div>
    <ul data-edgewise="row" data-edgewise-slots="2" data-edgewise-exclude="sku-1">
      <template data-edgewise-slot><li data-edgewise-fill="name">?</li></template></ul>`,
};

async function token(body: object): Promise<string> {
  const made = (await stage.service.post("/v1/previews", { writeKey: "default", ...body })) as { preview: string };
  return made.preview;
}

/** Opens a page with the debugger. */
async function open(page: Page = PAGE, preview?: string): Promise<{ visit: Visit; panel: Locator }> {
  const visit = await stage.visit(page, `?edgewise-debug=${preview ?? (await token({ debug: true }))}`);
  const panel = visit.tab.getByRole("region", { name: "Edgewise debugger" });
  // All placements are rendered once each has a frame.
  await visit.tab.waitForFunction(() => {
    const frames = document.querySelector("[data-edgewise-debugger]")?.shadowRoot?.querySelectorAll(".frame");
    return frames?.length === document.querySelectorAll("[data-edgewise]").length;
  });
  return { visit, panel };
}

/** Checks for errors and violations. Previews may swap content that was seen, so that is not checked. */
async function leave(visit: Visit): Promise<void> {
  const { violations } = await visit.tab.evaluate(() => window.watched);
  assert.deepEqual([visit.visitor.errors, violations], [[], []]);
  await visit.tab.close();
}

/** Opens the details of a placement. */
async function unfold(panel: Locator, placement: string): Promise<void> {
  const button = panel.getByRole("button", { name: new RegExp(`^${placement} `) });
  if ((await button.getAttribute("aria-expanded")) === "false") await button.click();
}

suite("the debugger", () => {
  before(() => stage.open());
  after(() => stage.close());
  afterEach(() => stage.clear());

  test("explains each decision, and frames each placement", async () => {
    const { visit, panel } = await open();
    await unfold(panel, "hero");
    const text = await panel.innerText();
    assert.match(text, /Drawn by the policy with a probability of 100 % among 1 eligible action\./);
    assert.match(text, /Model\s+(none yet: all actions are equally likely|\d+, \d+ (s|min) old)/);
    assert.match(text, /deal\s+condition not met/);
    assert.match(text, /Policy\s+[0-9a-f]{16}\s/);
    const frame = await visit.tab.locator("[data-edgewise-debugger] .frame").first().boundingBox();
    const box = await visit.tab.locator('[data-edgewise="hero"]').boundingBox();
    assert.deepEqual(frame, box);
    await leave(visit);
  });

  test("moves the frames with their placements", async () => {
    const { visit } = await open({
      ...PAGE,
      body: `${PAGE.body}<div id="tall"></div><p data-edgewise="code">Far below</p>`,
    });
    await visit.tab.evaluate(() => {
      document.getElementById("tall")!.style.height = "3000px";
      scrollTo(0, 2500);
    });
    await visit.tab.waitForFunction(() => {
      const root = document.querySelector("[data-edgewise-debugger]")!.shadowRoot!;
      const tops = (all: Iterable<Element>) =>
        [...all].map((one) => Math.round(one.getBoundingClientRect().top)).join();
      return (
        scrollY > 2000 && tops(root.querySelectorAll(".frame")) === tops(document.querySelectorAll("[data-edgewise]"))
      );
    });
    await leave(visit);
  });

  test("previews an action and returns to the decision, and nothing is learned", async () => {
    const { visit, panel } = await open();
    const hero = visit.tab.locator('[data-edgewise="hero"]');
    await unfold(panel, "hero");
    await panel.getByRole("button", { name: "Preview deal" }).click();
    await panel.getByText("hero shows deal, as a preview.").waitFor();
    assert.equal(await visit.text("h1"), "It is deal");
    assert.equal(await hero.getAttribute("title"), "It is deal");
    await panel.getByRole("button", { name: "Back to the decision" }).click();
    await panel.getByText("hero shows plain, as decided.").waitFor();
    assert.equal(await visit.text("h1"), "It is plain");
    assert.equal(await hero.getAttribute("title"), "It is plain");
    await leave(visit);
    for (const { path, raw } of stage.proxy.requests("/v1/batch"))
      assert.ok(!/\$(impression|click)/.test(raw), `${path}: ${raw}`);
    const { decisions, outcomes } = await stage.service.report("hero");
    assert.deepEqual([decisions, outcomes], [0, 0]);
  });

  test("previews templates, rows and the default content", async () => {
    const { visit, panel } = await open();
    await unfold(panel, "variant");
    const variant = visit.tab.locator('[data-edgewise="variant"]');
    for (const [action, text] of [
      ["second", "The second"],
      ["third", "The default"],
      ["first", "The first"],
      ["third", "The default"],
    ] as const) {
      const button = panel.getByRole("button", { name: `Preview ${action}` });
      if ((await button.getAttribute("aria-pressed")) === "true") continue;
      await button.click();
      await panel.getByText(`variant shows ${action}, as a preview.`).waitFor();
      assert.equal((await variant.innerText()).trim(), text);
    }
    await unfold(panel, "row");
    await panel.getByRole("button", { name: "Preview sku-1" }).click();
    await panel.getByText(/row shows sku-1, sku-\d, as a preview/).waitFor();
    assert.deepEqual((await visit.tab.locator("li").allInnerTexts()).slice(0, 1), ["Product sku-1"]);
    await leave(visit);
  });

  test("shows the default, and why, where visitors keep it", async () => {
    const plain = `<style nonce="${NONCE}">[data-edgewise]{min-height:0}</style>`;
    const variant = `<div data-edgewise="variant">The default
      <template data-edgewise-action="first"><h1>The first of all</h1></template>
      <template data-edgewise-action="second"><h1>The second of all</h1></template>
      <template data-edgewise-action="third"><h1>The third of all</h1></template></div><p>What follows</p>`;
    const preview = await token({ debug: true });
    const pages: Record<string, Page> = {
      moved: { head: plain, body: variant },
      // The tag comes after the page was painted.
      late: {
        tag: "none",
        body: variant,
        headers: { "content-security-policy": "" },
        script: `addEventListener("load", function wait() {
          if (!performance.getEntriesByType("paint").length) return requestAnimationFrame(wait);
          const script = document.createElement("script");
          Object.assign(script, { src: "${stage.proxy.url}/edgewise.js?key=default&budget=20000" });
          document.head.append(script);
        })`,
      },
    };
    for (const [reason, page] of Object.entries(pages)) {
      const { visit, panel } = await open(page, preview);
      assert.match(await visit.text('[data-edgewise="variant"]'), /^The default/);
      await unfold(panel, "variant");
      const text = await panel.innerText();
      assert.match(text, new RegExp(`the default content \\(${reason}\\)`));
      assert.match(text, /visitors keep/);
      assert.equal(await panel.locator(".here").count(), 0, "no action is marked as shown");
      await leave(visit);
    }
  });

  test("reports the height that an action needs", async () => {
    const { visit, panel } = await open({
      tag: "blocking",
      body: `<style nonce="${NONCE}">
          [data-edgewise="variant"]{min-height:0;height:auto}h2{height:300px;margin:0}</style>
        ${PAGE.body}`,
    });
    await unfold(panel, "variant");
    await panel.getByRole("button", { name: "Preview second" }).click();
    await panel.getByText("It needs more room: reserve min-height: 300px.").waitFor();
    await leave(visit);
  });

  test("follows placements that are added and removed", async () => {
    const { visit, panel } = await open();
    await visit.tab.evaluate(() => {
      document.querySelector('[data-edgewise="row"]')!.remove();
      const late = document.createElement("p");
      late.dataset.edgewise = "code";
      late.dataset.edgewiseFill = "headline";
      late.textContent = "By markup";
      document.body.append(late);
    });
    await panel.getByRole("button", { name: /^code / }).waitFor();
    assert.equal(await panel.getByRole("button", { name: /^row / }).count(), 0);
    await unfold(panel, "code");
    await panel.getByRole("button", { name: "Preview deal" }).click();
    await panel.getByText("code shows deal, as a preview.").waitFor();
    assert.equal(await visit.text('[data-edgewise="code"]'), "By code");
    await leave(visit);
  });

  test("can be used by keyboard alone", async () => {
    const { visit, panel } = await open();
    const { keyboard } = visit.tab;
    const focused = () =>
      visit.tab.evaluate(
        () => document.querySelector("[data-edgewise-debugger]")!.shadowRoot!.activeElement?.textContent,
      );
    await panel.getByRole("button", { name: /^variant / }).focus();
    await keyboard.press("Enter");
    for (const name of ["Preview", "Preview"]) {
      await keyboard.press("Tab");
      assert.equal(await focused(), name);
    }
    await keyboard.press("Space");
    await panel.getByText("variant shows second, as a preview.").waitFor();
    assert.equal(await focused(), "Undo", "a redraw keeps the focus");
    await keyboard.press("Enter");
    await panel.getByText(/as decided/).waitFor();
    await keyboard.press("Escape");
    assert.match((await focused()) ?? "", /3 placements/);
    await keyboard.press("Enter");
    assert.equal(await focused(), "–");
    await leave(visit);
  });

  test("lists decisions of the page's own code, without a preview", async () => {
    const { visit, panel } = await open();
    await visit.tab.evaluate(() => window.edgewise.decide("code", { timeout: 20_000 }));
    await unfold(panel, "code");
    assert.match(await panel.innerText(), /The page's own code shows it/);
    assert.equal(await panel.getByRole("button", { name: "Preview deal" }).count(), 0);
    await leave(visit);
  });

  test("shows one action with a token for it, and how to get a token for all", async () => {
    const { visit, panel } = await open(PAGE, await token({ placement: "hero", action: "deal" }));
    assert.equal(await visit.text("h1"), "It is deal");
    await unfold(panel, "hero");
    assert.match(
      await panel.innerText(),
      /The token shows only this action. edgewise preview --debug creates a token for all/,
    );
    await leave(visit);
  });

  test("does not load for a token that the server did not sign", async () => {
    const visit = await stage.visit(PAGE, "?edgewise-debug=made-up");
    assert.equal((await visit.rendered()).hero, "swapped");
    await stage.proxy.waitFor("page");
    assert.equal(stage.proxy.decideRequests[0]?.body.preview, undefined);
    assert.deepEqual(
      stage.proxy.exchanges.filter(({ path }) => path === "/edgewise-debug.js").map(({ status }) => status),
      [400],
    );
    assert.equal(await visit.tab.getByRole("region", { name: "Edgewise debugger" }).count(), 0);
    await visit.leave();
  });

  test("sends no messages while it is open", async () => {
    const { visit } = await open({
      ...PAGE,
      body: `${PAGE.body}<button data-edgewise-event="Order Completed">Buy</button>`,
    });
    await visit.tab.getByRole("button", { name: "Buy" }).click();
    await visit.tab.evaluate(() => {
      window.edgewise.init({ beforeSend: (message) => message });
      window.edgewise.track("Signed Up");
    });
    // Queued messages would be sent now.
    await visit.tab.goto(stage.put({ body: "<p>Elsewhere</p>", attributes: { "data-write-key": "default" } }));
    await stage.proxy.waitFor("page");
    assert.deepEqual(
      stage.proxy.arrived.map(({ type }) => type),
      ["page"],
    );
    await leave(visit);
  });

  test("reports why the server rejects a token, and the page shows its default", async () => {
    const expired = await token({ debug: true, validSeconds: 1 });
    await eventually("the token to expire", async () => {
      const body = { writeKey: "default", placements: ["hero"], context: {}, preview: expired };
      return stage.service.post("/v1/decide", body).then(
        () => false,
        (error: Error) => /expired/.test(error.message),
      );
    });
    const visit = await stage.visit(PAGE, `?edgewise-debug=${expired}`);
    await visit.tab.getByText(/The server rejects the token: .*expired/).waitFor();
    assert.equal(await visit.text("h1"), "Welcome");
    await visit.tab.close();
  });

  test("stays open on the other pages of the site", async () => {
    const preview = await token({ debug: true });
    const elsewhere = stage.put(PAGE);
    const { visit, panel } = await open(
      { ...PAGE, body: `${PAGE.body}<a id="next" href="${elsewhere}?q=1">Next</a>` },
      preview,
    );
    // The page's own router may drop the token.
    await visit.tab.evaluate(() => history.replaceState(null, "", location.pathname));
    await visit.tab.click("#next");
    await visit.tab.waitForURL(`${elsewhere}?*`);
    assert.deepEqual(
      [...new URL(visit.tab.url()).searchParams],
      [
        ["q", "1"],
        ["edgewise-debug", preview],
      ],
    );
    await panel.waitFor();
    await leave(visit);
  });

  test("does not load without a token", async () => {
    const visit = await stage.visit(PAGE);
    await visit.tab.getByText("It is plain").waitFor();
    assert.deepEqual(stage.proxy.requests("/edgewise-debug.js"), []);
    await visit.leave();
  });
});
