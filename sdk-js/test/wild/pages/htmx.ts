import assert from "node:assert/strict";
import type { WildPage } from "../page.js";

const HERO = `<div data-edgewise="drawn"><a href="#deal" data-edgewise-fill="headline">It is nothing</a></div>`;

/** Version 2 keeps the HTML of earlier pages, version 4 loads them again. */
const restored = (library: "htmx" | "htmx-2"): WildPage => ({
  name: `${library}: a page from the history is credited to the decision that it shows`,
  libraries: [library],
  body: `<main>${HERO}<button hx-get="/${library}/two" hx-target="main" hx-push-url="true">On</button></main>`,
  files: { [`/${library}/two`]: { headers: { "content-type": "text/html" }, body: "<h1>Two</h1>" } },
  async visit(page) {
    await page.until(() => document.querySelector("a")?.textContent !== "It is nothing");
    await page.click("button");
    await page.until(() => document.querySelector("h1")?.textContent === "Two");
    await page.run(() => history.back());
    await page.until(() => document.querySelector("[data-edgewise] a")?.textContent?.trim() !== "It is nothing");
    await page.until(() => !!document.querySelector("[data-e]"));
    const text = await page.text("[data-edgewise] a");
    await page.click("[data-edgewise] a");
    const [click] = await page.received("$click");
    assert.equal(text, `It is ${click?.properties?.action}`);
    assert.equal((await page.all("page")).length, 3);
  },
});

export const restoredByVersion2 = restored("htmx-2");
export const restoredByVersion4 = restored("htmx");

export const swapped: WildPage = {
  name: "htmx: a section that is loaded six times shows the same, without a further decision",
  libraries: ["htmx"],
  body: `<section hx-get="/htmx/section" hx-trigger="again" hx-swap="innerHTML">${HERO}</section>`,
  files: { "/htmx/section": { headers: { "content-type": "text/html" }, body: `<i></i>${HERO}` } },
  async visit(page) {
    await page.until(() => document.querySelector("a")?.textContent !== "It is nothing");
    const text = await page.text("a");
    for (let turn = 0; turn < 6; turn++) {
      await page.run(() => {
        document.querySelector("i")?.remove();
        document.querySelector("section")?.dispatchEvent(new Event("again"));
      });
      await page.until(() => !!document.querySelector("i"));
      assert.equal(await page.text("a"), text);
    }
    assert.deepEqual(page.asked, [["drawn"]]);
  },
};

export const form: WildPage = {
  name: "htmx: a form that htmx sends counts when the page's handler reports it",
  libraries: ["htmx"],
  body: `<form hx-post="/htmx/sign-up" data-edgewise-event="Signed Up"><button>Sign up</button></form>
    <form hx-post="/htmx/refuse" id="refused" data-edgewise-event="Signed Up"><button>Sign up</button></form>
    <script>
      addEventListener("htmx:after:request", ({ target, detail }) => {
        if (detail.ctx.response.raw.ok) edgewise.track(target.dataset.edgewiseEvent);
      });
    </script>`,
  files: {
    "/htmx/sign-up": { headers: { "content-type": "text/html" }, body: "<h1>Thank you</h1>" },
    "/htmx/refuse": { status: 422, headers: { "content-type": "text/html" }, body: "<h1>Your address is missing</h1>" },
  },
  async visit(page) {
    await page.click("#refused button");
    await page.click("form:first-child button");
    await page.until(() => [...document.querySelectorAll("h1")].some((one) => one.textContent === "Thank you"));
    assert.equal((await page.all("Signed Up")).length, 1);
  },
};
