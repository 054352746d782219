// Bundles and runs the tests of a folder: `node test/run.mjs unit|browser|firefox [file…]`.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const [room, ...asked] = process.argv.slice(2);
const isAsked = (file) => !asked.length || asked.some((one) => basename(one) === file);
const files = readdirSync(join(here, room)).filter((file) => file.endsWith(".test.ts") && isAsked(file));
if (!files.length) {
  // Without files, `node --test` would search for tests itself.
  console.log(`No test in test/${room} has the name ${asked.join(" or ")}.`);
  process.exit();
}
// Inside of node_modules, so that the imports of packages resolve.
const folder = mkdtempSync(join(here, `../node_modules/.${room}-`));

let status;
try {
  await build({
    entryPoints: files.map((file) => join(here, room, file)),
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20",
    sourcemap: "inline",
    logLevel: "warning",
  });
  const tests = files.map((file) => join(folder, file.replace(/\.ts$/, ".mjs")));
  // A test that hangs fails.
  const timeout = Number(process.env.EDGEWISE_TEST_MINUTES ?? 5) * 60_000;
  const flags = [
    "--enable-source-maps",
    "--test",
    "--test-reporter=spec",
    "--test-concurrency=3",
    `--test-timeout=${timeout}`,
  ];
  ({ status } = spawnSync(process.execPath, [...flags, ...tests], {
    stdio: "inherit",
    cwd: join(here, ".."),
    timeout: 4 * timeout,
  }));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = status ?? 1;
