import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";
import { gzipSync } from "node:zlib";
import { edgewise } from "../../src/server.js";

const docs = readFileSync("../docs/reference/sdk.md", "utf8");
const served = (name: string): Buffer => readFileSync(`../server/edgewise/sdk/${name}`);

suite("docs/reference/sdk.md", () => {
  test("contains the stub as it was built", () => {
    const stub = `<script>${served("edgewise-stub.js")}</script>`;
    assert.ok(docs.includes(stub), "copy server/edgewise/sdk/edgewise-stub.js into docs/reference/sdk.md");
  });

  test("allows the stub's hash in its Content Security Policy", () => {
    const hash = createHash("sha256").update(served("edgewise-stub.js")).digest("base64");
    const hashes = [...docs.matchAll(/'(sha\d+-[^']*)'/g)].map(([, source]) => source);
    assert.deepEqual(
      hashes,
      [`sha256-${hash}`],
      "allow the hash of server/edgewise/sdk/edgewise-stub.js in docs/reference/sdk.md",
    );
  });

  test("names the package file as `npm pack` does", () => {
    const { name, version } = JSON.parse(readFileSync("package.json", "utf8")) as { name: string; version: string };
    assert.ok(docs.includes(`npm install ./${name}-${version}.tgz`));
  });

  test("documents every method", () => {
    for (const method of Object.keys(edgewise)) assert.match(docs, new RegExp(`^\\| \`${method}\\(`, "m"));
  });

  test("states the size of each file, within the difference between compressors", () => {
    const rows = [...docs.matchAll(/^\| `(edgewise[\w-]*\.js)` .*\| ([\d,]+) \|$/gm)];
    assert.equal(rows.length, 5);
    for (const [, name, stated] of rows) {
      const size = gzipSync(served(name!), { level: 9 }).length;
      const error = Math.abs(size - Number(stated!.replace(",", "")));
      assert.ok(error <= size / 25, `${name}: docs/reference/sdk.md states ${stated} bytes, but it has ${size}`);
    }
  });
});
