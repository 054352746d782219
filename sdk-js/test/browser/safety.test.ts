// A payload can be anything: written by a marketer, imported from a feed, or put there by somebody who took the server.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import type { Mood } from "./proxy.js";
import { fixed } from "./shop.js";
import type { Page } from "./site.js";
import { Stage } from "./stage.js";

const RUN = "(window.pwned||[]).push(1)";
const HTML = [
  `<img src=x onerror="${RUN}">`,
  `<svg onload="${RUN}">`,
  `<svg><script>${RUN}</script></svg>`,
  `<svg><animate xlink:href="#a" attributeName="href" values="javascript:${RUN}"/></svg>`,
  `<svg><use href="data:image/svg+xml;base64,PHN2Zz48c2NyaXB0PnB3bmVkLnB1c2goMSk8L3NjcmlwdD48L3N2Zz4="/></svg>`,
  `<script>${RUN}</script>`,
  `</p></div></template><script>${RUN}</script>`,
  `<iframe srcdoc="<script>parent.pwned.push(1)</script>"></iframe>`,
  `<iframe src="javascript:parent.pwned.push(1)"></iframe>`,
  `<object data="javascript:${RUN}"></object><embed src="javascript:${RUN}">`,
  `<details open ontoggle="${RUN}">`,
  `<input autofocus onfocus="${RUN}">`,
  `<base href="javascript:/${RUN}//">`,
  `<math><mtext><table><mglyph><style><img src=x onerror="${RUN}">`,
  `<noscript><p title="</noscript><img src=x onerror=${RUN}>">`,
  `"><img src=x onerror="${RUN}">`,
  `' onmouseover='${RUN}' x='`,
  `" autofocus onfocus="${RUN}" x="`,
  `<!--><img src=x onerror="${RUN}">-->`,
  `<![CDATA[<img src=x onerror="${RUN}">]]>`,
  `\u003cimg src=x onerror=${RUN}\u003e`,
  `＜img src=x onerror=${RUN}＞`,
  `&lt;img src=x onerror=${RUN}&gt;`,
  "${" + RUN + "}",
  `{{constructor.constructor('${RUN}')()}}`,
];
const LINKS = [
  `javascript:${RUN}`,
  `JaVaScRiPt:${RUN}`,
  ` javascript:${RUN}`,
  `\u0001javascript:${RUN}`,
  `\u001f\u0008 javascript:${RUN}`,
  `\u00a0javascript:${RUN}`,
  `java\nscript:${RUN}`,
  `java\tscript:${RUN}`,
  `java\rscript:${RUN}`,
  `\njavascript\n:${RUN}`,
  `java\u0000script:${RUN}`,
  `javascript&colon;${RUN}`,
  `&#106;avascript:${RUN}`,
  `javascript:alert(1)//http://shop.example/`,
  `javascript://shop.example/%0a${RUN}`,
  `javascript:/*https://*/${RUN}`,
  `javascript:"<script>${RUN}</script>"`,
  `vbscript:MsgBox(1)`,
  `livescript:${RUN}`,
  `data:text/html,<script>opener.pwned.push(1)</script>`,
  `data:text/html;base64,PHNjcmlwdD5wd25lZC5wdXNoKDEpPC9zY3JpcHQ+`,
  `data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" onload="${RUN}"/>`,
  `DATA:text/html,x`,
  `blob:null/5b0ee6ad`,
  `filesystem:http://localhost/x`,
  `file:///etc/passwd`,
  `about:blank`,
  `view-source:http://localhost`,
  `intent://x#Intent;scheme=javascript;end`,
  `ｊavascript:${RUN}`,
  `jаvascript:${RUN}`,
  `http:\u0000//x`,
  `https://[`,
];
const CORPUS = [...HTML, ...LINKS];

/** All that a page might ask to be filled, wisely or not. */
const TARGETS = `
  <p data-edgewise-fill="text=value title=value alt=value aria-label=value width=value height=value">?</p>
  <a href="#safe" data-edgewise-fill="href=value onclick=value style=value ping=value target=value download=value">?</a>
  <a href="#safe" data-edgewise-fill="href=deep.value onmouseover=value xlink:href=value formaction=value">?</a>
  <map name="m"><area href="#safe" alt="?" data-edgewise-fill="href=value"></map>
  <img src="/safe.gif" alt="" data-edgewise-fill="src=value srcset=value onerror=value onload=value style=value">
  <video data-edgewise-fill="src=value poster=value"><source src="/safe.gif" data-edgewise-fill="src=value srcset=value"></video>
  <audio data-edgewise-fill="src=value"></audio>
  <iframe data-edgewise-fill="src=value srcdoc=value text=value"></iframe>
  <object data-edgewise-fill="data=value src=value text=value"></object>
  <embed data-edgewise-fill="src=value">
  <form action="#safe" data-edgewise-fill="action=value href=value"><button type="button" data-edgewise-fill="formaction=value text=value onclick=value">?</button>
    <input data-edgewise-fill="value=value onfocus=value src=value formaction=value"></form>
  <svg><a href="#safe" data-edgewise-fill="href=value xlink:href=value"><text data-edgewise-fill="text=value">?</text></a>
    <script type="text/plain" data-edgewise-fill="text=value href=value src=value"></script>
    <style nonce="bm9uY2U" data-edgewise-fill="text=value"></style>
    <use data-edgewise-fill="href=value xlink:href=value"></use><animate data-edgewise-fill="values=value href=value"></animate>
    <image data-edgewise-fill="href=value src=value"></image><set data-edgewise-fill="to=value"></set></svg>
  <math><mi data-edgewise-fill="href=value text=value xlink:href=value">?</mi></math>
  <script type="text/plain" data-edgewise-fill="text=value src=value type=value"></script>
  <style nonce="bm9uY2U" data-edgewise-fill="text=value"></style>
  <link data-edgewise-fill="href=value rel=value"><base data-edgewise-fill="href=value"><meta data-edgewise-fill="content=value http-equiv=value">
  <noscript data-edgewise-fill="text=value"></noscript><template data-edgewise-fill="text=value"></template>
  <textarea data-edgewise-fill="text=value"></textarea><title data-edgewise-fill="text=value"></title>
  <x-custom data-edgewise-fill="text=value innerHTML=value outerHTML=value textContent=value href=value"></x-custom>`;

const BODY = CORPUS.map((_, i) => `<div data-edgewise="p${i}">${TARGETS}</div>`).join("\n");

/** A server that answers each placement's question with the attack of its number. */
const attacker: Mood = (exchange, response) => {
  const { placements } = JSON.parse(exchange.raw) as { placements: { id: string }[] };
  const decisions = placements.map(({ id }) => {
    const value = CORPUS[Number(id.slice(1))];
    const payload = JSON.stringify({ value, deep: { value }, innerHTML: value, onclick: value, srcdoc: value, style: value });
    const polluted = `{"__proto__": {"polluted": true, "text": 1}, "constructor": {"prototype": {"polluted": true}}, ${payload.slice(1)}`;
    return `{"placement": "${id}", "decisionId": "d", "action": ${JSON.stringify(value)}, "propensity": 1, "group": "policy",
      "policyVersion": "v", "modelVersion": 1, "payload": ${polluted}}`;
  });
  response.writeHead(200, { "content-type": "application/json", "access-control-allow-origin": "*" });
  response.end(`{"anonymousId": null, "__proto__": {"polluted": true}, "decisions": [${decisions.join()}]}`);
  return true;
};

const stage = new Stage({
  "hero.toml": fixed("hero", { headline: `<img src=x onerror="${RUN}">`, link: `java\tscript:${RUN}`, image: "//other.example/x.gif" }),
});

before(() => stage.open());
after(() => stage.close());
afterEach(() => stage.clear());

/** Without a policy of the page's own, so that nothing but the SDK stands between the payload and the visitor. */
const OPEN = { "content-security-policy": "" };
/** Its boxes have room for whatever comes. */
const ROOMY = `<style nonce="bm9uY2U">[data-edgewise]{height:1000px;overflow:hidden}</style>`;
const page = (more: Partial<Page>): Page => ({ tag: "blocking", body: BODY, head: ROOMY, ...more });

test("no payload runs, wherever a page asks it to be written, on a page without a policy of its own", async () => {
  stage.proxy.moods.set("/v1/decide", attacker);
  const visit = await stage.visit(page({ headers: OPEN }));
  const rendered = Object.values(await visit.rendered());
  assert.equal(rendered.length, CORPUS.length);
  const found = await visit.tab.evaluate(async (corpus) => {
    const texts = corpus.filter((value, i) => {
      return document.querySelector(`[data-edgewise=p${i}] p`)?.textContent !== value;
    });
    const home = location.href;
    // Texts that are no addresses are relative ones, which lead elsewhere on the site, and do no more.
    addEventListener("click", (event) => {
      const { protocol } = (event.target as Element).closest<HTMLAnchorElement>("a, area") ?? {};
      if (/^http/.test(protocol ?? "")) event.preventDefault();
    });
    for (const link of document.querySelectorAll<HTMLElement>("a, area, button")) {
      link.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
    }
    for (const one of document.querySelectorAll<HTMLElement>("*")) {
      for (const type of ["focus", "mouseover", "error", "load", "toggle"]) one.dispatchEvent(new Event(type));
    }
    // What would run as a task of its own has run by then.
    await new Promise((done) => setTimeout(done, 200));
    const written = [...document.querySelectorAll("[data-edgewise] *")].flatMap((one) =>
      one.getAttributeNames().filter((name) => !name.startsWith("data-")).map((name) => `${one.tagName} ${name}`),
    );
    const leads = [...document.querySelectorAll<HTMLAnchorElement>("a[href], area[href]")].map(({ href }) =>
      typeof href === "string" ? new URL(href, document.baseURI).protocol : "http:",
    );
    const inert = [...document.querySelectorAll("[data-edgewise] script, [data-edgewise] style, iframe, object, embed")];
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
  assert.deepEqual(found.texts, [], "as it came, as text");
  assert.ok(found.home, "it is still the same page");
  assert.ok(!found.polluted);
  assert.deepEqual(found.filled, [], "what loads or runs is not written to");
  for (const protocol of found.leads) assert.match(protocol, /^(https?|mailto|tel):$/);
  const own = ["MAP name", "FORM action", "BUTTON type", "a href", "SCRIPT type", "script type", "STYLE nonce", "style nonce", "AREA alt"];
  const allowed = ["A href", "AREA href", "IMG src", "IMG alt", "SOURCE src", "VIDEO src", "AUDIO src"];
  const harmless = ["title", "alt", "aria-label", "width", "height"].map((name) => `P ${name}`);
  assert.deepEqual(found.written.filter((one) => ![...own, ...allowed, ...harmless].includes(one)), []);
  assert.deepEqual(visit.visitor.errors, []);
});

test("nor on a page with a strict policy, which is not violated once", async () => {
  stage.proxy.moods.set("/v1/decide", attacker);
  const visit = await stage.visit(page({}));
  await visit.rendered();
  const { violations } = await visit.tab.evaluate(() => window.watched);
  assert.deepEqual(new Set(violations), new Set());
  assert.deepEqual(await visit.tab.evaluate(() => window.pwned), []);
  assert.deepEqual(visit.visitor.errors, []);
});

test("what is harmless is written: relative and absolute links, mail and telephone, pictures", async () => {
  const links = ["/a?b=c#d", "#x", "../up", "?q=1", "//cdn.example/x", "https://shop.example/", "mailto:a@b.example", "tel:+49301234"];
  stage.proxy.moods.set("/v1/decide", (exchange, response) => {
    const { placements } = JSON.parse(exchange.raw) as { placements: { id: string }[] };
    const decisions = placements.map(({ id }) => ({ placement: id, action: "a", payload: { link: links[Number(id.slice(1))] } }));
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

test("what a policy file has is no better than what a page would take from anybody", async () => {
  const visit = await stage.visit(
    page({
      body: `<div data-edgewise="hero"><p data-edgewise-fill="headline">?</p><a href="#safe" data-edgewise-fill="href=link">?</a></div>`,
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

test("the debugger, too, keeps to a strict policy", async () => {
  const { preview } = (await stage.service.post("/v1/previews", { debug: true })) as { preview: string };
  const visit = await stage.visit(page({ body: `<div data-edgewise="hero"><p data-edgewise-fill="headline">?</p></div>` }), `?edgewise-debug=${preview}`);
  await visit.rendered();
  await stage.proxy.until("the debugger", (proxy) => proxy.asked("/edgewise-debug.js")[0]?.status === 200);
  const [question] = stage.proxy.questions;
  assert.equal(question?.body.preview, preview);
  await visit.tab.waitForFunction(() => document.querySelectorAll("body > *, html > *").length > 3);
  const watched = await visit.tab.evaluate(() => window.watched);
  assert.deepEqual(watched.violations, []);
  assert.deepEqual(visit.visitor.errors, []);
});
