import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { fixed } from "./policies.js";
import { Stage } from "./stage.js";

const stage = new Stage({ "hero.toml": fixed("hero", { headline: "Students save 10%" }) });

before(() => stage.open());
after(() => stage.close());
afterEach(() => stage.clear());

/** The scripts that a page with this tag loads, and the bytes of each response. */
async function fetched(file: string, script = ""): Promise<Record<string, number>> {
  const visitor = await stage.visitor();
  const tab = await visitor.context.newPage();
  const devtools = await visitor.context.newCDPSession(tab);
  await devtools.send("Network.enable");
  const bytes: Record<string, number> = {};
  devtools.on("Network.responseReceived", ({ response }) => {
    if (!response.url.startsWith(stage.proxy.url) || !response.url.endsWith(".js")) return;
    assert.equal(response.headers["content-encoding"], "gzip");
    bytes[new URL(response.url).pathname] = Number(response.headers["content-length"]);
  });
  const body = `<div data-edgewise="hero"><p data-edgewise-fill="headline">?</p></div>`;
  await tab.goto(stage.put({ file, script, body }));
  // The SDK has loaded all that it needs when it reports the page view.
  await stage.proxy.waitFor("page");
  // The driver reports responses in order, so its next answer comes after them.
  await devtools.send("Network.disable");
  return bytes;
}

const PAGES = {
  "the plain tag": fetched.bind(0, "edgewise.js"),
  "the tag that reads a TCF platform": fetched.bind(0, "edgewise-tcf.js", "__tcfapi = () => {}"),
  "the tag that reads Google Consent Mode": fetched.bind(0, "edgewise-consent-mode.js"),
};

for (const [tag, fetch] of Object.entries(PAGES)) {
  test(`a page with ${tag} downloads at most 5,120 bytes`, async (context) => {
    const [took = NaN, ...more] = Object.values(await fetch());
    assert.deepEqual(more, [], "the page loads a second script");
    assert.ok(took > 1000 && took <= 5120, `it took ${took} bytes`);
    context.diagnostic(`${took} bytes`);
  });
}

test("the stub adds at most 450 bytes to a compressed page", () => {
  const bytes = gzipSync(readFileSync("../server/edgewise/sdk/edgewise-stub.js"), { level: 9 }).length;
  assert.ok(bytes <= 450, `the stub has ${bytes} bytes`);
});

test("the OpenFeature provider is small, and no part of it is in the core", async () => {
  const { outputFiles } = await build({
    entryPoints: ["src/openfeature.ts"],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2020",
    mangleProps: /^_[^_]/,
    external: ["@openfeature/*"],
    write: false,
  });
  const bytes = gzipSync(outputFiles[0]?.contents ?? "", { level: 9 }).length;
  assert.ok(bytes <= 520, `it has ${bytes} bytes`);
  assert.ok(!readFileSync("../server/edgewise/sdk/edgewise.js", "utf8").toLowerCase().includes("openfeature"));
});
