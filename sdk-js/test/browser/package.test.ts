// The committed scripts match the sources, and the npm package is complete.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { fixed } from "./policies.js";
import { Stage } from "./stage.js";

const SERVED = "../server/edgewise/sdk";
const run = promisify(execFile);
const stage = new Stage({ "hero.toml": fixed("hero", { headline: "Students save 10%" }) });

before(() => Promise.all([stage.open(), run(process.execPath, ["build.mjs", "--modules"])]));
after(() => stage.close());

test("the committed scripts match a new build, byte for byte", async () => {
  const folder = mkdtempSync(join(tmpdir(), "edgewise-build-"));
  try {
    await run(process.execPath, ["build.mjs", "--out", folder]);
    assert.deepEqual(readdirSync(folder).sort(), readdirSync(SERVED).sort());
    for (const name of readdirSync(folder)) {
      const [built, committed] = [folder, SERVED].map((place) => readFileSync(join(place, name), "utf8"));
      assert.equal(built, committed, `${name}: run \`make sdk\` and commit the files that it writes`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the server serves the scripts under the version of the package", async () => {
  const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
  const { preview } = (await stage.service.post("/v1/previews", { writeKey: "default", debug: true })) as {
    preview: string;
  };
  for (const name of readdirSync(SERVED)) {
    const answer = await fetch(`${stage.proxy.url}/sdk/${version}/${name}?preview=${preview}`);
    assert.equal(answer.status, 200, name);
    assert.equal(await answer.text(), readFileSync(join(SERVED, name), "utf8"), name);
  }
});

test("a page that names a hash loads only the script with that hash", async () => {
  const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
  const hash = createHash("sha384")
    .update(readFileSync(join(SERVED, "edgewise.js")))
    .digest("base64");
  for (const [integrity, isLoaded] of [
    [`sha384-${hash}`, true],
    [`sha384-${hash.replace(/./, (first) => (first === "A" ? "B" : "A"))}`, false],
  ] as const) {
    const src = `${stage.proxy.url}/sdk/${version}/edgewise.js`;
    const attributes = `nonce="bm9uY2U" crossorigin="anonymous" integrity="${integrity}" src="${src}"`;
    const tag = `<script ${attributes} data-write-key="default"></script>`;
    const visit = await stage.visit({ tag: "none", head: tag, body: "" });
    assert.equal(await visit.tab.evaluate(() => typeof window.edgewise === "function"), isLoaded);
    await visit.tab.close();
  }
});

test("the npm package has valid exports and types", async () => {
  const bin = resolve("node_modules/.bin");
  const { stdout: lint } = await run(join(bin, "publint"), ["--strict"]);
  assert.match(lint, /All good/i);
  await run(join(bin, "attw"), ["--pack", ".", "--profile", "esm-only"]);
});
