// No payload can run code.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, afterEach, before, test } from "node:test";
import { attacker, CORPUS, RUN, TARGETED } from "./attacks.js";
import { fixed } from "./policies.js";
import type { Page } from "./site.js";
import { Stage } from "./stage.js";

const stage = new Stage({
  "hero.toml": fixed("hero", {
    headline: `<img src=x onerror="${RUN}">`,
    link: `java\tscript:${RUN}`,
    image: "//other.example/x.gif",
  }),
  "raw.toml": fixed("raw", { code: `pwned.push(1)//<img src=x onerror="${RUN}">` }),
});

before(() => stage.open());
after(() => stage.close());
afterEach(() => stage.clear());

/** A page without a Content Security Policy, so that only the SDK protects the visitor. */
const OPEN = { "content-security-policy": "" };
/** Boxes with room for any payload. */
const ROOMY = `<style nonce="bm9uY2U">[data-edgewise]{height:1000px;overflow:hidden}</style>`;
const page = (more: Partial<Page>): Page => ({ tag: "blocking", body: TARGETED, head: ROOMY, ...more });

test("no payload runs code on a page without a Content Security Policy", async () => {
  stage.proxy.interceptors.set("/v1/decide", attacker);
  const visit = await stage.visit(page({ headers: OPEN }));
  const rendered = Object.values(await visit.rendered());
  assert.equal(rendered.length, CORPUS.length);
  const found = await visit.tab.evaluate(async (corpus) => {
    const texts = corpus.filter((value, i) => {
      return document.querySelector(`[data-edgewise=p${i}] p`)?.textContent !== value;
    });
    const home = location.href;
    // Attacks without a scheme become relative links. They are harmless.
    addEventListener("click", (event) => {
      // By the attribute, since the link of an SVG has no `protocol`.
      const link = (event.target as Element).closest("a, area")?.getAttribute("href");
      if (/^http/.test(new URL(link ?? "", location.href).protocol)) event.preventDefault();
    });
    for (const link of document.querySelectorAll<HTMLElement>("a, area, button")) {
      link.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
    }
    for (const one of document.querySelectorAll<HTMLElement>("*")) {
      for (const type of ["focus", "mouseover", "error", "load", "toggle"]) one.dispatchEvent(new Event(type));
    }
    // Wait for asynchronous handlers.
    await new Promise((done) => setTimeout(done, 200));
    const written = [...document.querySelectorAll("[data-edgewise] *")].flatMap((one) =>
      one
        .getAttributeNames()
        .filter((name) => !name.startsWith("data-"))
        // The SDK itself gives this height to images that have no size yet.
        .filter((name) => name !== "style" || one.getAttribute(name) !== "min-height: 3px;")
        .map((name) => `${one.tagName} ${name}`),
    );
    const leads = [...document.querySelectorAll<HTMLAnchorElement>("a[href], area[href]")].map(({ href }) =>
      typeof href === "string" ? new URL(href, document.baseURI).protocol : "http:",
    );
    const inert = [
      ...document.querySelectorAll("[data-edgewise] script, [data-edgewise] style, iframe, object, embed"),
    ];
    return {
      texts,
      pwned: window.pwned,
      home: location.href.replace("#safe", "") === home.replace("#safe", ""),
      written: [...new Set(written)].sort(),
      leads: [...new Set(leads)],
      filled: inert.filter((one) => one.textContent).map(({ outerHTML }) => outerHTML),
      polluted: "polluted" in {},
    };
  }, CORPUS);
  assert.deepEqual(found.pwned, []);
  assert.deepEqual(found.texts, [], "the payload is shown as text");
  assert.ok(found.home, "the page has not navigated");
  assert.ok(!found.polluted);
  assert.deepEqual(found.filled, [], "elements that load or run are not filled");
  for (const protocol of found.leads) assert.match(protocol, /^(https?|mailto|tel):$/);
  const own = [
    "MAP name",
    "FORM action",
    "BUTTON type",
    "a href",
    "SCRIPT type",
    "script type",
    "STYLE nonce",
    "style nonce",
    "AREA alt",
  ];
  const allowed = ["A href", "AREA href", "IMG src", "IMG alt", "SOURCE src", "VIDEO src", "AUDIO src"];
  const harmless = ["title", "alt", "aria-label", "width", "height"].map((name) => `P ${name}`);
  assert.deepEqual(
    found.written.filter((one) => ![...own, ...allowed, ...harmless].includes(one)),
    [],
  );
  assert.deepEqual(visit.visitor.errors, []);
});

test("no payload violates a strict Content Security Policy", async () => {
  stage.proxy.interceptors.set("/v1/decide", attacker);
  const visit = await stage.visit(page({}));
  await visit.rendered();
  const { violations } = await visit.tab.evaluate(() => window.watched);
  assert.deepEqual(new Set(violations), new Set());
  assert.deepEqual(await visit.tab.evaluate(() => window.pwned), []);
  assert.deepEqual(visit.visitor.errors, []);
});

test("safe links are written as they are", async () => {
  const links = [
    "/a?b=c#d",
    "#x",
    "../up",
    "?q=1",
    "//cdn.example/x",
    "https://shop.example/",
    "mailto:a@b.example",
    "tel:+49301234",
  ];
  stage.proxy.interceptors.set("/v1/decide", (exchange, response) => {
    const { placements } = JSON.parse(exchange.raw) as { placements: { id: string }[] };
    const decisions = placements.map(({ id }) => ({
      placement: id,
      action: "a",
      payload: { link: links[Number(id.slice(1))] },
    }));
    response.writeHead(200, { "access-control-allow-origin": "*" });
    response.end(JSON.stringify({ decisions }));
    return true;
  });
  const body = links.map((_, i) => `<div data-edgewise="p${i}"><a data-edgewise-fill="href=link">x</a></div>`).join("");
  const visit = await stage.visit(page({ body }));
  await visit.rendered();
  const written = await visit.tab.locator("a").evaluateAll((all) => all.map((one) => one.getAttribute("href")));
  assert.deepEqual(written, links);
  await visit.leave();
});

test("payloads from a policy file are not trusted either", async () => {
  const visit = await stage.visit(
    page({
      body: `<div data-edgewise="hero"><p data-edgewise-fill="headline">?</p>
        <a href="#safe" data-edgewise-fill="href=link">?</a></div>`,
      headers: OPEN,
    }),
  );
  await visit.rendered();
  assert.equal(await visit.text("p"), `<img src=x onerror="${RUN}">`);
  assert.equal(await visit.attribute("a", "href"), "#safe");
  await visit.tab.locator("a").click();
  assert.deepEqual(await visit.tab.evaluate(() => window.pwned), []);
  await visit.leave();
});

test("the debugger works under a strict Content Security Policy", async () => {
  const { preview } = (await stage.service.post("/v1/previews", { debug: true })) as { preview: string };
  const visit = await stage.visit(
    page({ body: `<div data-edgewise="hero"><p data-edgewise-fill="headline">?</p></div>` }),
    `?edgewise-debug=${preview}`,
  );
  await visit.rendered();
  await stage.proxy.until("the debugger", (proxy) => proxy.requests("/edgewise-debug.js")[0]?.status === 200);
  const [question] = stage.proxy.decideRequests;
  assert.equal(question?.body.preview, preview);
  await visit.tab.waitForFunction(() => document.querySelectorAll("body > *, html > *").length > 3);
  const watched = await visit.tab.evaluate(() => window.watched);
  assert.deepEqual(watched.violations, []);
  assert.deepEqual(visit.visitor.errors, []);
});

test("text is not written into elements where it would run, even after the HTML is copied", async () => {
  const raw = ["script", "style", "iframe", "object", "xmp", "noscript", "noembed", "noframes"];
  const body = raw
    .map(
      (tag) =>
        `<${tag} data-edgewise="raw" data-edgewise-fill="code"></${tag}>
         <div data-edgewise="raw"><${tag} data-edgewise-fill="code"></${tag}></div>`,
    )
    .join("");
  const svg = `<svg><script data-edgewise="raw" data-edgewise-fill="code"></script></svg>`;
  const visit = await stage.visit(page({ headers: OPEN, body: body + svg }));
  await visit.rendered();
  const found = await visit.tab.evaluate(() => {
    const copy = document.createElement("div");
    copy.innerHTML = document.body.innerHTML;
    document.body.append(copy);
    const written = [...document.querySelectorAll("[data-edgewise-fill]")].filter(({ textContent }) => textContent);
    return [window.pwned, written.map(({ outerHTML }) => outerHTML)];
  });
  assert.deepEqual(found, [[], []]);
});

test("markup that shadows document.currentScript gives the SDK no options", async () => {
  const visit = await stage.visit({
    tag: "end",
    stub: false,
    body: `<img name="currentScript" src="${stage.site.url}/theirs.gif" data-write-key="theirs">
      <p data-edgewise="raw">Welcome</p>`,
  });
  await stage.proxy.waitFor("page");
  assert.deepEqual(
    stage.site.requested.filter((path) => path.startsWith("/v1")),
    [],
  );
  const bodies = stage.proxy.requests("/v1/decide").map(({ raw }) => raw);
  assert.ok(bodies.length > 0);
  for (const body of bodies) assert.match(body, /"writeKey":"default"/);
  await visit.leave();
});

test("the debugger does not load on a page that names the hash of its script", async () => {
  const made = (await stage.service.post("/v1/previews", { writeKey: "default", debug: true })) as { preview: string };
  const bytes = readFileSync("../server/edgewise/sdk/edgewise.js");
  const integrity = `sha384-${createHash("sha384").update(bytes).digest("base64")}`;
  const visit = await stage.visit(
    {
      tag: "blocking",
      attributes: { integrity, crossorigin: "anonymous" },
      body: `<p data-edgewise="hero">Welcome</p>`,
    },
    `?edgewise-debug=${made.preview}`,
  );
  await visit.rendered();
  await stage.proxy.waitFor("page");
  assert.deepEqual(
    stage.proxy.exchanges.filter(({ path }) => path.includes("debug")),
    [],
  );
  await visit.leave();
});
