import assert from "node:assert/strict";
import type { WildPage } from "../page.js";

const SECTION = `<div data-edgewise="drawn"><a href="#deal" data-edgewise-fill="headline">It is nothing</a></div>`;

export const section: WildPage = {
  name: "Shopify: a section that the theme replaces six times shows the same, without a further decision",
  libraries: [],
  body: `<div id="shopify-section-hero" class="shopify-section">${SECTION}</div><script>
    // As themes do with the Section Rendering API.
    const renderSection = async () => {
      const html = await (await fetch("/shopify/section")).text();
      const next = new DOMParser().parseFromString(html, "text/html").querySelector(".shopify-section");
      document.getElementById("shopify-section-hero").innerHTML = next.innerHTML;
    };
  </script>`,
  files: { "/shopify/section": { body: `<div class="shopify-section">${SECTION}</div>` } },
  async visit(page) {
    await page.until(() => /number/.test(document.querySelector("a")?.textContent ?? ""));
    const text = await page.text("a");
    for (let turn = 0; turn < 6; turn++) {
      await page.run(() => (window as any).eval("renderSection()"));
      await page.run(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))));
      assert.equal(await page.text("a"), text);
    }
    await page.received("$impression");
    assert.deepEqual(page.asked, [["drawn"]]);
    assert.equal((await page.all("$impression")).length, 1);
  },
};
