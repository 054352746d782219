// Builds the SDK. The same sources give the same bytes, on any machine.
//
//   node build.mjs             the script files into server/edgewise/sdk/ (committed: `pip install .` needs no Node),
//                              the modules for npm and their types into dist/
//   node build.mjs --out DIR   the script files into DIR, and nothing else: a test compares them with the committed ones
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const SERVED = join(HERE, "..", "server", "edgewise", "sdk");

/** What a script tag loads: the name of the file, and its source; those that run by themselves end in `-tag`. */
const SCRIPTS = {
  "edgewise": ["tag"],
  "edgewise-tcf": ["tcf-tag", "tcf"],
  "edgewise-consent-mode": ["consent-mode-tag", "consent-mode"],
  "edgewise-capture": ["capture-tag", "capture"],
  "edgewise-debug": ["debug"],
  "edgewise-stub": ["stub"],
};

/** What npm users import: `edgewise`, `edgewise/tcf`, … */
const MODULES = ["index", "openfeature", "tcf", "consent-mode", "capture"];

const COMMON = {
  absWorkingDir: HERE,
  bundle: true,
  minify: true,
  target: "es2020",
  mangleProps: /^_/,
  legalComments: "none",
  charset: "utf8",
  logLevel: "warning",
};

const source = (name) => join("src", `${name}.ts`);
const exists = (name) => existsSync(join(HERE, source(name)));

async function buildScripts(folder) {
  mkdirSync(folder, { recursive: true });
  const files = [];
  for (const [name, candidates] of Object.entries(SCRIPTS)) {
    const entry = candidates.find(exists);
    if (!entry) continue;
    const outfile = join(folder, `${name}.js`);
    // The stub is copied into pages, where a map would not be found.
    const sourcemap = name !== "edgewise-stub";
    // Sources are named in the map as seen from the committed file, wherever this build is written to.
    const { outputFiles } = await build({
      ...COMMON,
      entryPoints: [source(entry)],
      format: "iife",
      outfile: join(SERVED, `${name}.js`),
      sourcemap,
      write: false,
    });
    for (const file of outputFiles) writeFileSync(join(folder, basename(file.path)), file.contents);
    files.push(outfile);
  }
  return files;
}

async function buildModules(folder) {
  rmSync(folder, { recursive: true, force: true });
  const files = [];
  for (const name of MODULES.filter(exists)) {
    const outfile = join(folder, `${name}.js`);
    await build({
      ...COMMON,
      entryPoints: [source(name)],
      format: "esm",
      external: ["@openfeature/*"],
      outfile,
      sourcemap: true,
    });
    files.push(outfile);
  }
  execFileSync(process.execPath, [join(HERE, "node_modules", "typescript", "bin", "tsc"), "-p", HERE], { stdio: "inherit" });
  return files;
}

function table(files) {
  const rows = files.map((file) => {
    const bytes = readFileSync(file);
    const sri = `sha384-${createHash("sha384").update(bytes).digest("base64")}`;
    return [join(basename(dirname(file)), basename(file)), bytes.length, gzipSync(bytes, { level: 9 }).length, brotliCompressSync(bytes).length, sri];
  });
  const all = [["file", "bytes", "gzip -9", "brotli", "integrity"], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => String(row[column]).length)));
  for (const row of all) {
    const cells = row.slice(0, 4).map((cell, i) => (i ? String(cell).padStart(widths[i]) : cell.padEnd(widths[i])));
    console.log([...cells, row[4]].join("  "));
  }
}

const out = process.argv.indexOf("--out");
if (out > 0) {
  table(await buildScripts(resolve(process.argv[out + 1])));
} else {
  table([...(await buildScripts(SERVED)), ...(await buildModules(join(HERE, "dist")))]);
}
