import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";
import { gzipSync } from "node:zlib";
import { edgewise } from "../../src/server.js";

const docs = readFileSync("../docs/sdk.md", "utf8");
const served = (name: string): Buffer => readFileSync(`../server/edgewise/sdk/${name}`);

suite("docs/sdk.md", () => {
  test("has the stub as it was built, which is at most 350 bytes as it stands in a page", () => {
    const stub = `<script>${served("edgewise-stub.js")}</script>`;
    assert.ok(docs.includes(stub), "copy server/edgewise/sdk/edgewise-stub.js into docs/sdk.md");
    assert.ok(Buffer.byteLength(stub) <= 350);
  });

  test("has the stub's hash as a Content Security Policy must have it", () => {
    const hash = createHash("sha256").update(served("edgewise-stub.js")).digest("base64");
    const told = [...docs.matchAll(/'(sha\d+-[^']*)'/g)].map(([, source]) => source);
    assert.deepEqual(told, [`sha256-${hash}`], "the policy in docs/sdk.md must allow server/edgewise/sdk/edgewise-stub.js");
  });

  test("names the package as `npm pack` does", () => {
    const { name, version } = JSON.parse(readFileSync("package.json", "utf8")) as { name: string; version: string };
    assert.ok(docs.includes(`npm install ./${name}-${version}.tgz`));
  });

  test("tells of every method", () => {
    for (const method of Object.keys(edgewise)) assert.match(docs, new RegExp(`^\\| \`${method}\\(`, "m"));
  });

  test("says how large each file is, give or take what compressors differ in", () => {
    const rows = [...docs.matchAll(/^\| `(edgewise[\w-]*\.js)` .*\| ([\d,]+) \|$/gm)];
    assert.equal(rows.length, 5);
    for (const [, name, told] of rows) {
      const size = gzipSync(served(name!), { level: 9 }).length;
      const error = Math.abs(size - Number(told!.replace(",", "")));
      assert.ok(error <= size / 25, `${name}: found ${told} in docs/sdk.md, expected ${size}`);
    }
  });
});
