import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { fixed } from "./shop.js";
import { Stage } from "./stage.js";

const stage = new Stage({ "hero.toml": fixed("hero", { headline: "Students save 10%" }) });

before(() => stage.open());
after(() => stage.close());

/** The scripts that a browser fetches for a page with these in its head, and how many bytes each took on the way. */
async function fetched(head: string): Promise<Record<string, number>> {
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
  await tab.goto(stage.put({ tag: "head", head, body }), { waitUntil: "networkidle" });
  return bytes;
}

test("a page with the tag downloads at most 4,096 bytes", async () => {
  const { "/edgewise.js": core = NaN, ...more } = await fetched("");
  assert.deepEqual(more, {}, "and nothing else");
  assert.ok(core > 1000 && core <= 4096, `edgewise.js took ${core} bytes`);
});

test("the files beside it are small", async (context) => {
  const names = ["edgewise-tcf.js", "edgewise-consent-mode.js"];
  const tags = names.map((name) => `<script async nonce="bm9uY2U" src="${stage.proxy.url}/${name}"></script>`);
  const bytes = await fetched(tags.join(""));
  for (const name of names) {
    const took = bytes[`/${name}`] ?? NaN;
    assert.ok(took > 100 && took <= 330, `${name} took ${took} bytes`);
    context.diagnostic(`edgewise.js with ${name}: ${(bytes["/edgewise.js"] ?? NaN) + took} bytes`);
  }
});

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
