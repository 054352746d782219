import assert from "node:assert/strict";
import type { WildPage } from "../page.js";

const image = (more: string): string =>
  `<img class="lazyload" data-edgewise-fill="src=image" width="100" height="100" alt="" ${more}>`;

export const lazysizes: WildPage = {
  name: "lazysizes: the decided image is shown, whatever the loader does later",
  libraries: ["lazysizes"],
  body: `<div data-edgewise="hero">${image(`src="/tiny.gif" data-src="/plain.gif"`)}
    ${image(`src="/tiny.gif" srcset="/plain.gif 1x, /sharp.gif 2x" data-src="/plain.gif"`)}
    <picture><source srcset="/wide.gif" media="(min-width: 1px)">${image(`data-src="/plain.gif"`)}</picture></div>
    <div style="height:3000px"></div><img id="last" class="lazyload" data-src="/last.gif" alt="">`,
  async visit(page) {
    await page.until(() =>
      [...document.querySelectorAll("[data-edgewise] img")].every((one) => /deal/.test((one as any).src)),
    );
    // The loader has done its work by then.
    await page.run(() => document.querySelector("#last")?.scrollIntoView());
    await page.until(() => /last/.test(document.querySelector<HTMLImageElement>("#last")?.currentSrc ?? ""));
    const shown = await page.run(() =>
      [...document.querySelectorAll<HTMLImageElement>("[data-edgewise] img")].map(
        ({ currentSrc }) => new URL(currentSrc).pathname,
      ),
    );
    assert.deepEqual(shown, ["/deal.gif", "/deal.gif", "/deal.gif"]);
  },
};
