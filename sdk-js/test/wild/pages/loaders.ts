// Tools that load the tag late.
import assert from "node:assert/strict";
import type { WildPage } from "../page.js";

const HERO = `<div style="height:3000px">Above</div>
  <div data-edgewise="hero"><a href="#deal" data-edgewise-fill="headline">Welcome</a></div>`;

export const tagManager: WildPage = {
  name: "Google Tag Manager: the tag that it injects decides what nobody has seen, and reports",
  libraries: ["gtm"],
  tag: "none",
  body: `${HERO}<script>
    addEventListener("load", () => gtm.loadScript("GTM-TEST", { source: "/gtm-container.js", defer: false, compatibility: false }));
  </script>`,
  files: {
    // A tag of the kind "Custom HTML".
    "/gtm-container.js": {
      headers: { "content-type": "text/javascript" },
      body: `const tag = document.createElement("script");
        tag.async = true;
        tag.src = "EDGE/edgewise.js";
        tag.dataset.writeKey = "default";
        tag.dataset.consent = "granted";
        tag.dataset.budget = 20_000;
        document.head.append(tag);`,
    },
  },
  async visit(page) {
    await page.until(() => document.querySelector("a")?.textContent === "Students save 10%");
    await page.click("a");
    await page.received("$click");
    assert.equal((await page.all("page")).length, 1);
  },
};

export const delayed: WildPage = {
  name: "A script that delays others until the first interaction: calls of the page are kept, and outcomes are reported",
  libraries: [],
  tag: "none",
  // As WP Rocket rewrites the tag.
  body: `${HERO}<script type="rocketlazyloadscript" data-rocket-src="EDGE/edgewise.js" data-write-key="default"
      data-consent="granted" data-budget="20000" async></script><script>
    edgewise.track("Early");
    const load = () => {
      for (const delayed of document.querySelectorAll("[data-rocket-src]")) {
        const script = document.createElement("script");
        for (const { name, value } of delayed.attributes) if (name !== "type") script.setAttribute(name, value);
        script.src = script.dataset.rocketSrc;
        delayed.replaceWith(script);
      }
    };
    for (const type of ["keydown", "mousemove", "touchstart", "wheel"]) addEventListener(type, load, { once: true });
  </script>`,
  async visit(page) {
    await page.run(() => dispatchEvent(new Event("mousemove")));
    await page.received("Early");
    await page.until(() => document.querySelector("a")?.textContent === "Students save 10%");
    await page.click("a");
    await page.received("$click");
    assert.equal((await page.all("page")).length, 1);
  },
};
