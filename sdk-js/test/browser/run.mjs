// Bundles the browser tests and runs them: `node test/browser/run.mjs [file…]`.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const asked = process.argv.slice(2).map((file) => basename(file));
const files = readdirSync(here).filter((file) => file.endsWith(".test.ts") && (!asked.length || asked.includes(file)));
// Where their imports of packages are found.
const folder = mkdtempSync(join(here, "../../node_modules/.browser-"));

let status;
try {
  await build({
    entryPoints: files.map((file) => join(here, file)),
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20",
    sourcemap: "inline",
    loader: { ".js": "ts" },
  });
  const tests = files.map((file) => join(folder, file.replace(/\.ts$/, ".mjs")));
  const flags = ["--enable-source-maps", "--test", "--test-reporter=spec", "--test-concurrency=2", "--test-timeout=180000"];
  ({ status } = spawnSync(process.execPath, [...flags, ...tests], {
    stdio: "inherit",
    cwd: join(here, "../.."),
    // A test that hangs must not hang whoever waits for it.
    timeout: Number(process.env.EDGEWISE_TEST_MINUTES ?? 10) * 60_000,
  }));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = status ?? 1;
