import assert from "node:assert/strict";
import type { WildPage } from "../page.js";

export const again: WildPage = {
  name: "Vue: a component that renders or mounts six times shows the same, without a further decision",
  libraries: ["vue"],
  body: `<main></main><script>
    const turn = Vue.ref(0);
    const html = "<a href='#deal' data-edgewise-fill='headline'>It is nothing</a>";
    Vue.createApp({
      render: () => Vue.h("section", { class: "turn-" + turn.value },
        Vue.h("div", { "data-edgewise": "drawn", innerHTML: html, key: turn.value > 6 ? turn.value : 0 })),
    }).mount("main");
  </script>`,
  async visit(page) {
    await page.until(() => /number/.test(document.querySelector("a")?.textContent ?? ""));
    const text = await page.text("a");
    for (let turn = 1; turn <= 12; turn++) {
      await page.run(() => (window as any).eval("turn.value++"));
      await page.run(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))));
      assert.equal(await page.text("a"), text, `after ${turn}`);
    }
    assert.deepEqual(page.asked, [["drawn"]]);
  },
};
