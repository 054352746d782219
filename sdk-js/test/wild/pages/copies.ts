// Scripts that copy decided content: the outcomes of a copy belong to the decision that it shows.
import assert from "node:assert/strict";
import type { WildPage } from "../page.js";

const HERO = `<div data-edgewise="hero"><a href="#deal" data-edgewise-fill="headline">Welcome</a></div>`;

export const jquery: WildPage = {
  name: "jQuery: the click on a clone is credited once",
  libraries: ["jquery"],
  body: `<main id="there"></main>${HERO}`,
  async visit(page) {
    await page.until(() => document.querySelector("a")?.textContent === "Students save 10%");
    await page.run(() => {
      const { $ } = window as any;
      $("#there").append($("[data-edgewise]").clone(true), $("[data-edgewise]").clone());
    });
    await page.click("#there a");
    await page.click("#there + div a");
    const [click] = await page.received("$click");
    assert.equal(click?.properties?.decisionId, (await page.decisions())[0]?.decisionId);
    assert.equal((await page.all("$click")).length, 1);
    assert.deepEqual(page.asked, [["hero"]]);
  },
};

export const slick: WildPage = {
  name: "Slick: the click on a cloned slide of a row is credited to its slot",
  libraries: ["jquery", "slick"],
  head: `<style>.slick-list{overflow:hidden}.slick-track{display:flex}.slick-slide{height:200px}</style>`,
  body: `<div data-edgewise="row" data-edgewise-slots="3">
    <template data-edgewise-slot><p><a href="#deal" data-edgewise-fill="name">?</a></p></template></div>`,
  async visit(page) {
    await page.until(() => document.querySelectorAll("p").length === 3);
    await page.run(() => {
      const row = document.querySelector("[data-edgewise]");
      row?.querySelector("template")?.remove();
      (window as any).$(row).slick({ infinite: true, arrows: false, speed: 0, initialSlide: 2 });
      (window as any).$(row).slick("slickNext");
    });
    const name = await page.run(() => {
      const copy = document.querySelector<HTMLElement>(".slick-cloned.slick-current, .slick-cloned:last-child a");
      copy?.click();
      return copy?.textContent?.trim();
    });
    const [click] = await page.received("$click");
    assert.equal(name, `Product ${click?.properties?.action}`);
    assert.equal(typeof click?.properties?.slot, "number");
  },
};

export const swiper: WildPage = {
  name: "Swiper: a placement in a loop is decided once and credited",
  libraries: ["swiper"],
  head: `<style>.swiper{overflow:hidden}.swiper-wrapper{display:flex}.swiper-slide{flex:none;width:100%;height:300px}</style>`,
  body: `<div class="swiper"><div class="swiper-wrapper">
    <div class="swiper-slide">${HERO}</div><div class="swiper-slide">Two</div><div class="swiper-slide">Three</div>
    </div></div>`,
  async visit(page) {
    await page.until(() => document.querySelector("a")?.textContent === "Students save 10%");
    await page.run(() => {
      const swiper = new (window as any).Swiper(".swiper", { loop: true, speed: 0 });
      for (let turn = 0; turn < 3; turn++) swiper.slideNext(0);
    });
    await page.click(".swiper-slide-active a");
    await page.received("$click");
    assert.deepEqual(page.asked, [["hero"]]);
  },
};
