import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { DEAL, drawn, fixed, row } from "./policies.js";
import { Stage } from "./stage.js";

const stage = new Stage({
  "hero.toml": fixed("hero", DEAL),
  "plain.toml": fixed("plain", {}),
  "row.toml": row("row", 3, ["sku-1", "sku-2", "sku-3", "sku-4"]),
  "pair.toml": drawn("pair", ["one", "two"]),
});

before(() => stage.open());
after(() => stage.close());
afterEach(() => stage.clear());

test("a placement is filled from the payload: text, links, images and safe attributes", async () => {
  const visit = await stage.visit({
    tag: "blocking",
    body: `<div data-edgewise="hero"><h1 data-edgewise-fill="headline">Welcome</h1>
      <a data-edgewise-fill="text=headline href=link title=title" href="/">Go</a>
      <img data-edgewise-fill="src=image alt=title" src="/plain.gif" width="10" height="10" alt="">
      <b data-edgewise-fill="count">0</b><i data-edgewise-fill="deep.er">up</i>
      <s data-edgewise-fill="text=missing">kept</s></div>`,
  });
  assert.deepEqual(await visit.rendered(), { hero: "swapped" });
  assert.equal(await visit.text("h1"), "Students save 10%");
  assert.equal(await visit.text("a"), "Students save 10%");
  assert.equal(await visit.attribute("a", "href"), "/students");
  assert.equal(await visit.attribute("a", "title"), "A deal");
  assert.equal(await visit.attribute("img", "src"), "/deal.gif");
  assert.equal(await visit.attribute("img", "alt"), "A deal");
  assert.deepEqual([await visit.text("b"), await visit.text("i"), await visit.text("s")], ["3", "down", "kept"]);
  await visit.leave();
});

test("the placement itself can be filled", async () => {
  const visit = await stage.visit({
    tag: "blocking",
    body: `<p data-edgewise="hero" data-edgewise-fill="headline">Welcome</p>`,
  });
  await visit.rendered();
  assert.equal(await visit.text("p"), "Students save 10%");
  await visit.leave();
});

test("the template of an action replaces the content, and is filled too", async () => {
  const visit = await stage.visit({
    tag: "blocking",
    body: `<div data-edgewise="hero"><p>Welcome</p>
      <template data-edgewise-action="deal"><h2 data-edgewise-fill="headline">?</h2><em>Only today</em></template>
      <template data-edgewise-action="other"><h2>Another</h2></template></div>`,
  });
  assert.deepEqual(await visit.rendered(), { hero: "swapped" });
  assert.match(await visit.text("[data-edgewise]"), /^Students save 10%\s+Only today$/);
  await visit.leave();
});

test("an action without a template or fill leaves the default content in place", async () => {
  const visit = await stage.visit({ tag: "blocking", body: `<div data-edgewise="hero">Welcome</div>` });
  assert.deepEqual(await visit.rendered(), { hero: "default" });
  assert.equal(await visit.text("[data-edgewise]"), "Welcome");
  const [impression] = await stage.proxy.waitFor("$impression");
  assert.equal(impression?.properties?.decisionId, (await visit.decisions())[0]?.decisionId);
  await visit.leave();
});

test("a row repeats its slot template for each action, without the excluded ones", async () => {
  const visit = await stage.visit({
    tag: "blocking",
    body: `<ul data-edgewise="row" data-edgewise-slots="2" data-edgewise-exclude="sku-1,sku-3">
      <li>Bestsellers</li>
      <template data-edgewise-slot><li><a data-edgewise-fill="text=name href=href">?</a></li></template></ul>`,
  });
  assert.deepEqual(await visit.rendered(), { row: "swapped" });
  const [decision] = await visit.decisions();
  assert.deepEqual(decision?.slots?.map(({ action }) => action).sort(), ["sku-2", "sku-4"]);
  const shown = await visit.tab.locator("li").allInnerTexts();
  assert.deepEqual(
    shown,
    decision?.slots?.map(({ payload }) => payload.name),
  );
  const links = await visit.tab.locator("a").evaluateAll((all) => all.map((one) => one.getAttribute("href")));
  assert.deepEqual(
    links,
    decision?.slots?.map(({ payload }) => payload.href),
  );
  await visit.leave();
});

test("in a row, the template of an action takes precedence over the slot template", async () => {
  const visit = await stage.visit({
    tag: "blocking",
    body: `<ul data-edgewise="row" data-edgewise-slots="3" data-edgewise-exclude="sku-4">
      <template data-edgewise-slot><li data-edgewise-fill="name">?</li></template>
      <template data-edgewise-action="sku-2"><li>The second one!</li></template></ul>`,
  });
  await visit.rendered();
  const shown = await visit.tab.locator("li").allInnerTexts();
  assert.deepEqual(shown.sort(), ["Product sku-1", "Product sku-3", "The second one!"]);
  await visit.leave();
});

test("the placement shows the action that was drawn", async () => {
  const seen = new Set<string>();
  for (let visits = 0; seen.size < 2; visits++) {
    assert.ok(visits < 40, `only ${[...seen]} was ever drawn`);
    const visit = await stage.visit({
      tag: "blocking",
      body: `<p data-edgewise="pair" data-edgewise-fill="headline">It is nothing</p>`,
    });
    await visit.rendered();
    const [decision] = await visit.decisions();
    assert.equal(await visit.text("p"), `It is ${decision?.action}`);
    seen.add(decision?.action ?? "");
    await visit.leave();
  }
});

test("the browser shows a filled image, not the one for its screen or of a lazy loader", async () => {
  const image = (more: string): string =>
    `<img data-edgewise-fill="src=image" src="/plain.gif" width="10" height="10" alt="" ${more}>`;
  const images = `${image(`srcset="/sharp.gif 1x, /sharper.gif 2x"`)}${image(`data-src="/lazy.gif"`)}
    <picture><source srcset="/wide.gif" media="(min-width: 1px)">${image(`data-src="/lazy.gif"`)}</picture>`;
  for (const content of [images, `<template data-edgewise-action="deal">${images}</template>`]) {
    const visit = await stage.visit({ tag: "blocking", body: `<div data-edgewise="hero">${content}</div>` });
    assert.deepEqual(await visit.rendered(), { hero: "swapped" });
    const shown = await visit.tab.locator("img").evaluateAll((images) =>
      Promise.all(
        (images as HTMLImageElement[]).map(async (image) => {
          // As a lazy loader does.
          Object.assign(image, { ...(image.dataset.src && { src: image.dataset.src }) });
          await image.decode();
          return new URL(image.currentSrc).pathname;
        }),
      ),
    );
    assert.deepEqual(shown, ["/deal.gif", "/deal.gif", "/deal.gif"]);
    await visit.leave();
  }
});

test("children that a framework appends to the template itself are its content", async () => {
  const visit = await stage.visit({ tag: "blocking", body: "<main></main>" });
  await visit.tab.evaluate(() => {
    // React appends like this.
    const placement = document.createElement("div");
    placement.dataset.edgewise = "hero";
    const template = document.createElement("template");
    template.dataset.edgewiseAction = "deal";
    const heading = document.createElement("h2");
    heading.dataset.edgewiseFill = "headline";
    template.append(heading);
    placement.append(template);
    document.querySelector("main")?.append(placement);
  });
  assert.deepEqual(await visit.rendered(), { hero: "swapped" });
  assert.equal(await visit.text("div > h2"), "Students save 10%");
  assert.equal(
    await visit.tab.evaluate(() => document.querySelector("template")?.childNodes.length),
    1,
    "the framework keeps its children",
  );
  await visit.leave();
});

test("a copy of a rendered placement stays as it is, and is not decided", async () => {
  const visit = await stage.visit({
    tag: "blocking",
    body: `<p data-edgewise="hero" data-edgewise-fill="headline">Welcome</p>`,
  });
  await visit.rendered();
  await visit.tab.evaluate(() => {
    const original = document.querySelector("p");
    // A second placement shows when all are rendered.
    const other = document.createElement("h2");
    Object.assign(other.dataset, { edgewise: "plain" });
    if (original) document.body.append(original.cloneNode(true), other);
  });
  await visit.rendered();
  assert.deepEqual(await visit.tab.locator("p").allInnerTexts(), ["Students save 10%", "Students save 10%"]);
  assert.deepEqual(
    stage.proxy.decideRequests.map(({ placements }) => placements.map(({ id }) => id)),
    [["hero"], ["plain"]],
  );
  await visit.leave();
});

test("an element that the page renders again shows the same, without a further decision", async () => {
  const body = `<p data-edgewise="pair" data-edgewise-fill="headline">It is nothing</p>`;
  const visit = await stage.visit({ tag: "blocking", body: `<main>${body}</main>` });
  await visit.rendered();
  const first = await visit.text("p");
  const texts = await visit.tab.evaluate(async () => {
    const texts: string[] = [];
    for (let turn = 0; turn < 6; turn++) {
      const former = document.querySelector("p")!;
      const next = document.createElement("p");
      Object.assign(next.dataset, { edgewise: "pair", edgewiseFill: "headline" });
      next.textContent = "It is nothing";
      former.replaceWith(next);
      // Before the browser paints.
      await new Promise(requestAnimationFrame);
      texts.push(next.innerText);
    }
    return texts;
  });
  assert.deepEqual(texts, Array(6).fill(first));
  await stage.proxy.waitFor("$impression");
  assert.equal(stage.proxy.decideRequests.length, 1);
  await visit.leave();
});

test("two scripts that render an element in turn do not freeze the page", async () => {
  const visit = await stage.visit({
    tag: "blocking",
    body: `<main><p data-edgewise="hero" data-edgewise-fill="headline">Welcome</p></main>`,
  });
  await visit.rendered();
  const turns = await visit.tab.evaluate(async () => {
    const main = document.querySelector("main")!;
    let turns = 0;
    const observer = new MutationObserver(() => {
      if (main.textContent === "Welcome") return;
      turns++;
      const next = document.createElement("p");
      Object.assign(next.dataset, { edgewise: "hero", edgewiseFill: "headline" });
      next.textContent = "Welcome";
      main.replaceChildren(next);
    });
    observer.observe(main, { childList: true, characterData: true, subtree: true });
    main.firstElementChild!.textContent = "Start";
    await new Promise((done) => setTimeout(done));
    observer.disconnect();
    return turns;
  });
  assert.ok(turns > 10, `${turns}`);
});
