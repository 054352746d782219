import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { fixed } from "./shop.js";
import { Stage } from "./stage.js";

const stage = new Stage({ "hero.toml": fixed("hero", { headline: "Students save 10%" }) });

before(() => stage.open());
after(() => stage.close());
afterEach(() => stage.clear());

/** The scripts that a browser fetches for a page with this tag, and how many bytes each took on the way. */
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
  // The first that the SDK tells of: it has all that it needs.
  await stage.proxy.hears("page");
  return bytes;
}

const PAGES = {
  "the tag": fetched.bind(0, "edgewise.js"),
  "the tag that reads a TCF platform": fetched.bind(0, "edgewise-tcf.js", "__tcfapi = () => {}"),
  "the tag that reads Google Consent Mode": fetched.bind(0, "edgewise-consent-mode.js"),
};

for (const [tag, fetch] of Object.entries(PAGES)) {
  test(`a page with ${tag} downloads at most 4,096 bytes`, async (context) => {
    const [took = NaN, ...more] = Object.values(await fetch());
    assert.deepEqual(more, [], "and nothing else");
    assert.ok(took > 1000 && took <= 4096, `it took ${took} bytes`);
    context.diagnostic(`${took} bytes`);
  });
}

test("the stub is at most 350 bytes, as it stands in the page", () => {
  const stub = readFileSync("../server/edgewise/sdk/edgewise-stub.js");
  assert.ok(stub.length <= 350, `the stub has ${stub.length} bytes`);
});

test("the OpenFeature provider adds little to a bundle, and the core nothing for it", async () => {
  const { outputFiles } = await build({
    entryPoints: ["src/openfeature.ts"],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2020",
    mangleProps: /^_/,
    external: ["@openfeature/*"],
    write: false,
  });
  const bytes = gzipSync(outputFiles[0]?.contents ?? "", { level: 9 }).length;
  assert.ok(bytes <= 520, `it has ${bytes} bytes`);
  assert.ok(!readFileSync("../server/edgewise/sdk/edgewise.js", "utf8").toLowerCase().includes("openfeature"));
});
