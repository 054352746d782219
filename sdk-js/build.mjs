// Builds the SDK. The output depends only on the sources.
//
//   node build.mjs             builds the scripts into server/edgewise/sdk/, and the npm modules into dist/.
//   node build.mjs --out DIR   builds only the scripts, into DIR.
//   node build.mjs --modules   builds only the npm modules and their types.
//
// The scripts are committed, so that `pip install .` needs no Node. A test compares them with a new build.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";
import { minify } from "terser";

const HERE = dirname(fileURLToPath(import.meta.url));
const SERVED = join(HERE, "..", "server", "edgewise", "sdk");

/** The files for script tags, with their entry points. */
const SCRIPTS = {
  edgewise: "tag",
  "edgewise-tcf": "tcf-tag",
  "edgewise-consent-mode": "consent-mode-tag",
  "edgewise-capture": "capture-tag",
  "edgewise-debug": "debug",
  "edgewise-stub": "stub",
};

const STUB = "edgewise-stub";

/** The entry points of the npm package. On servers, `server` replaces the others. */
const MODULES = ["index", "server", "openfeature", "tcf", "consent-mode", "capture"];

const COMMON = {
  write: false,
  sourcemap: "external",
  absWorkingDir: HERE,
  bundle: true,
  minify: true,
  target: "es2022",
  // Properties with a leading underscore are private to the SDK. `__tcfapi` belongs to the consent platform.
  mangleProps: /^_[^_]/,
  legalComments: "none",
  charset: "utf8",
  logLevel: "warning",
  tsconfigRaw: {},
};

/** Bundles with esbuild. Terser then saves another twentieth. Returns the code and its source map. */
async function bundle(name, outfile, options) {
  const { outputFiles } = await build({ ...COMMON, ...options, entryPoints: [join("src", `${name}.ts`)], outfile });
  const [map, code] = outputFiles.map(({ text }) => text);
  const compress = {
    passes: 3,
    unsafe: true,
    unsafe_arrows: true,
    booleans_as_integers: true,
    unsafe_comps: true,
    pure_getters: true,
    keep_fargs: false,
    inline: 1,
  };
  const sourceMap = { content: map, filename: basename(outfile) };
  return minify(code, { ecma: 2020, module: options.format === "esm", compress, sourceMap });
}

async function buildScripts(folder) {
  mkdirSync(folder, { recursive: true });
  const files = [];
  for (const [name, entry] of Object.entries(SCRIPTS)) {
    const file = join(folder, `${name}.js`);
    // The paths in the source map are relative to the committed file, so that every build is the same.
    const { code, map } = await bundle(entry, join(SERVED, `${name}.js`), { format: name === STUB ? "esm" : "iife" });
    writeFileSync(file, code);
    // The server names the map in a header, which costs visitors nothing. The stub is inline, so it has no map.
    if (name !== STUB) writeFileSync(`${file}.map`, map);
    files.push(file);
  }
  // The page that the console's notices lead to.
  copyFileSync(join(HERE, "src", "help.html"), join(folder, "edgewise-help.html"));
  return files;
}

async function buildModules(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const files = [];
  for (const name of MODULES) {
    const file = join(folder, `${name}.js`);
    const { code, map } = await bundle(name, file, { format: "esm", external: ["@openfeature/*"] });
    writeFileSync(file, `${code}\n//# sourceMappingURL=${name}.js.map\n`);
    writeFileSync(`${file}.map`, map);
    files.push(file);
  }
  execFileSync(process.execPath, [join(HERE, "node_modules", "typescript", "bin", "tsc"), "-p", HERE], {
    stdio: "inherit",
  });
  return files;
}

/** Prints the sizes and hashes. */
function printTable(files) {
  const rows = files.map((file) => {
    const bytes = readFileSync(file);
    const sri = `sha384-${createHash("sha384").update(bytes).digest("base64")}`;
    return [
      join(basename(dirname(file)), basename(file)),
      bytes.length,
      gzipSync(bytes, { level: 9 }).length,
      brotliCompressSync(bytes).length,
      sri,
    ];
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
  printTable(await buildScripts(resolve(process.argv[out + 1])));
} else if (process.argv.includes("--modules")) {
  printTable(await buildModules(join(HERE, "dist")));
} else {
  printTable([...(await buildScripts(SERVED)), ...(await buildModules(join(HERE, "dist")))]);
}
