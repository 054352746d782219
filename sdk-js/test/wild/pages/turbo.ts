import assert from "node:assert/strict";
import type { WildPage } from "../page.js";

const HERO = `<div data-edgewise="drawn"><a href="#deal" data-edgewise-fill="headline">It is nothing</a></div>`;

export const restored: WildPage = {
  name: "Turbo: each visit is a page view, and a restored page is credited to the decision that it shows",
  libraries: ["turbo"],
  body: `${HERO}<a id="on" href="/turbo/two">On</a>`,
  others: { "/turbo/two": `<h1>Two</h1>` },
  async visit(page) {
    await page.until(() => document.querySelector("a")?.textContent !== "It is nothing");
    const text = await page.text("[data-edgewise] a");
    const [decision] = await page.decisions();
    await page.run(() => {
      (window as any).isSamePage = true;
    });
    await page.click("#on");
    await page.until(() => document.querySelector("h1")?.textContent === "Two");
    await page.run(() => history.back());
    await page.until(() => !!document.querySelector("[data-edgewise]"));
    assert.equal(await page.text("[data-edgewise] a"), text);
    await page.click("[data-edgewise] a");
    const [click] = await page.received("$click");
    assert.equal(click?.properties?.decisionId, decision?.decisionId);
    assert.ok(await page.run(() => (window as any).isSamePage));
    const paths = (await page.all("page")).map(({ context }: any) => new URL(context.page.url).pathname);
    assert.deepEqual([paths.length, paths[1], paths[2]], [3, "/turbo/two", paths[0]]);
  },
};

export const form: WildPage = {
  name: "Turbo: a form that Turbo sends counts when the page's handler reports it",
  libraries: ["turbo"],
  body: `<form action="/turbo/sign-up" method="post" data-edgewise-event="Signed Up">
    <input name="mail" value="ann@shop.example"><button>Sign up</button></form>
    <script>
      addEventListener("turbo:submit-end", ({ target, detail }) => {
        if (detail.success) edgewise.track(target.dataset.edgewiseEvent);
      });
    </script>`,
  others: { "/turbo/thanks": "<h1>Thank you</h1>" },
  files: { "/turbo/sign-up": { status: 303, headers: { location: "/turbo/thanks" }, body: "" } },
  async visit(page) {
    await page.click("button");
    await page.until(() => document.querySelector("h1")?.textContent === "Thank you");
    assert.equal((await page.all("Signed Up")).length, 1);
  },
};

export const refused: WildPage = {
  name: "Turbo: a form that the site refuses is not sent",
  libraries: ["turbo"],
  body: `<form action="/turbo/refuse" method="post" data-edgewise-event="Signed Up"><button>Sign up</button></form>`,
  files: {
    "/turbo/refuse": {
      status: 422,
      headers: { "content-type": "text/html" },
      body: "<h1>Your address is missing</h1>",
    },
  },
  async visit(page) {
    await page.click("button");
    await page.until(() => document.querySelector("h1")?.textContent === "Your address is missing");
    assert.deepEqual(await page.all("Signed Up"), []);
  },
};
