import assert from "node:assert/strict";
import { after, afterEach, before, suite, test } from "node:test";
import { fixed } from "./policies.js";
import { NONCE } from "./site.js";
import { Stage } from "./stage.js";
import type { Visit } from "./visit.js";

const stage = new Stage({ "hero.toml": fixed("hero", {}) });

/** A page that loads the capture script before the core. */
const visit = async (body: string, attributes = ""): Promise<Visit> =>
  stage.visit({
    tag: "end",
    head: `<script nonce="${NONCE}" src="${stage.proxy.url}/edgewise-capture.js" ${attributes}></script>`,
    // Clicks do not leave the page.
    script: `for (const type of ["click", "auxclick"]) addEventListener(type, (event) => event.preventDefault())`,
    body,
  });

const LINKS = `<a id="out" href="https://elsewhere.example/there?session=1#top">Out</a>
  <a id="file" href="https://elsewhere.example/manual.PDF?v=2">Manual</a>
  <a id="export" href="/export" download>Export</a>
  <a id="inside" href="/inside.html">Inside</a>
  <a id="mail" href="mailto:ann@shop.example">Mail</a>
  <a id="own" href="https://partner.example/" data-edgewise-event="Partner Visited">Partner</a>`;

suite("the capture script", () => {
  before(() => stage.open());
  after(() => stage.close());
  afterEach(() => stage.clear());

  test("reports outbound links and downloads without their queries, for any button", async () => {
    const page = await visit(LINKS);
    for (const id of ["inside", "mail", "out", "file", "export", "own"]) await page.tab.click(`#${id}`);
    await page.tab.click("#out", { button: "middle" });
    await stage.proxy.waitFor("track", 5);
    const reported = (name: string) => stage.proxy.received(name).map(({ properties }) => properties);
    assert.deepEqual(reported("Outbound Link: Click"), [
      { url: "https://elsewhere.example/there" },
      { url: "https://elsewhere.example/there" },
    ]);
    assert.deepEqual(reported("File Download"), [
      { url: "https://elsewhere.example/manual.PDF", extension: "pdf" },
      { url: `${stage.site.url}/export` },
    ]);
    assert.equal(reported("Partner Visited").length, 1);
    await page.leave();
  });

  test("reports sent forms without their fields", async () => {
    // The site answers with the status 204, so the browser stays on the page.
    const page = await visit(
      `<form id="invalid" action="/favicon.ico"><button>Go</button></form>
       <form id="newsletter" action="/favicon.ico?from=footer" method="get">
         <input name="action" value="ann@shop.example"><button>Go</button></form>
       <form id="own" action="/favicon.ico" data-edgewise-event="Signed Up"><button>Sign up</button></form>`,
    );
    await page.tab.evaluate(() => {
      addEventListener("submit", (event) => (event.target as Element).id === "invalid" && event.preventDefault());
    });
    for (const id of ["invalid", "newsletter", "own"]) {
      await page.tab.locator(`#${id}`).evaluate((form) => (form as HTMLFormElement).requestSubmit());
    }
    await stage.proxy.waitFor("Signed Up");
    const [sent, ...more] = await stage.proxy.waitFor("Form: Submission");
    assert.deepEqual(sent?.properties, { id: "newsletter", url: `${stage.site.url}/favicon.ico` });
    assert.deepEqual(more, []);
    await page.leave();
  });

  test("reports each milestone of a video once, but not of decorative videos", async () => {
    const page = await visit(
      `<video id="film" title="The oak" hidden></video><video id="back" autoplay loop muted hidden></video>`,
    );
    await page.tab.evaluate(() => {
      // Simulates the events of a player.
      const play = (id: string, ...steps: [type: string, time: number][]) => {
        const video = document.getElementById(id) as HTMLVideoElement;
        Object.defineProperty(video, "duration", { value: 80 });
        for (const [type, time] of steps) {
          Object.defineProperty(video, "currentTime", { value: time, configurable: true });
          video.dispatchEvent(new Event(type));
        }
      };
      play(
        "film",
        ["playing", 0],
        ["timeupdate", 10],
        ["timeupdate", 20],
        ["timeupdate", 21],
        ["playing", 21],
        ["timeupdate", 70],
        ["timeupdate", 40],
        ["ended", 80],
        ["playing", 0],
      );
      play("back", ["playing", 0], ["timeupdate", 70]);
    });
    await stage.proxy.waitFor("Video Playback Completed");
    const reported = stage.proxy.arrived
      .filter(({ event }) => event?.startsWith("Video"))
      .map(({ event, properties }) => [event, properties?.position, properties?.percent]);
    assert.deepEqual(reported, [
      ["Video Playback Started", 0, undefined],
      ["Video Content Playing", 20, 25],
      ["Video Content Playing", 70, 75],
      ["Video Playback Completed", 80, 100],
    ]);
    assert.equal(stage.proxy.received("Video Playback Started")[0]?.properties?.title, "The oak");
    await page.leave();
  });

  test("reports only the kinds that the page selects", async () => {
    const page = await visit(LINKS, 'data-capture="downloads"');
    await page.tab.click("#out");
    await page.tab.click("#file");
    await stage.proxy.waitFor("File Download");
    assert.deepEqual(stage.proxy.received("Outbound Link: Click"), []);
    await page.leave();
  });
});
