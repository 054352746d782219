// Builds the SDK. The same sources give the same bytes, on any machine.
//
//   node build.mjs             the script files into server/edgewise/sdk/ (committed: `pip install .` needs no Node),
//                              the modules for npm and their types into dist/
//   node build.mjs --out DIR   the script files into DIR, and nothing else: a test compares them with the committed ones
//   node build.mjs --modules   what npm users get into dist/, and nothing else
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";
import { minify } from "terser";

const HERE = dirname(fileURLToPath(import.meta.url));
const SERVED = join(HERE, "..", "server", "edgewise", "sdk");

/** What a script tag loads: the name of the file, and its source; those that run by themselves end in `-tag`. */
const SCRIPTS = {
  edgewise: ["tag"],
  "edgewise-tcf": ["tcf-tag", "tcf"],
  "edgewise-consent-mode": ["consent-mode-tag", "consent-mode"],
  "edgewise-capture": ["capture-tag", "capture"],
  "edgewise-debug": ["debug"],
  "edgewise-stub": ["stub"],
};

const STUB = "edgewise-stub";

/** What npm users import: `edgewise` (on a server, another one), `edgewise/tcf`, … */
const MODULES = ["index", "server", "openfeature", "tcf", "consent-mode", "capture"];

const COMMON = {
  write: false,
  sourcemap: "external",
  absWorkingDir: HERE,
  bundle: true,
  minify: true,
  target: "es2022",
  mangleProps: /^_[^_]/,
  legalComments: "none",
  charset: "utf8",
  logLevel: "warning",
  tsconfigRaw: {},
};

const source = (name) => join("src", `${name}.ts`);
const exists = (name) => existsSync(join(HERE, source(name)));

/** esbuild bundles; terser then finds what a second look can, one twentieth. Gives what is to be written, by suffix. */
async function bundle(name, outfile, options) {
  const { outputFiles } = await build({ ...COMMON, ...options, entryPoints: [source(name)], outfile });
  const [map, code] = outputFiles.map(({ text }) => text);
  const compress = { passes: 3, unsafe_arrows: true, pure_getters: true, keep_fargs: false, inline: 1 };
  const sourceMap = { content: map, filename: basename(outfile) };
  const small = await minify(code, { ecma: 2020, module: options.format === "esm", compress, sourceMap });
  return { "": small.code, ".map": small.map };
}

async function buildScripts(folder) {
  mkdirSync(folder, { recursive: true });
  const files = [];
  for (const [name, candidates] of Object.entries(SCRIPTS)) {
    const entry = candidates.find(exists);
    if (!entry) continue;
    // Sources are named in the map as seen from the committed file, wherever this build is written to. The server's
    // SourceMap header leads to it: a comment in the file would cost every visitor forty bytes.
    const contents = await bundle(entry, join(SERVED, `${name}.js`), { format: name === STUB ? "esm" : "iife" });
    if (name === STUB) {
      // It is copied into pages, where no map is found.
      delete contents[".map"];
    }
    for (const [suffix, text] of Object.entries(contents)) writeFileSync(join(folder, `${name}.js${suffix}`), text);
    files.push(join(folder, `${name}.js`));
  }
  return files;
}

async function buildModules(folder) {
  rmSync(folder, { recursive: true, force: true });
  const files = [];
  for (const name of MODULES.filter(exists)) {
    const outfile = join(folder, `${name}.js`);
    const contents = await bundle(name, outfile, { format: "esm", external: ["@openfeature/*"] });
    mkdirSync(folder, { recursive: true });
    writeFileSync(outfile, `${contents[""]}\n//# sourceMappingURL=${name}.js.map\n`);
    writeFileSync(`${outfile}.map`, contents[".map"]);
    files.push(outfile);
  }
  execFileSync(process.execPath, [join(HERE, "node_modules", "typescript", "bin", "tsc"), "-p", HERE], {
    stdio: "inherit",
  });
  return files;
}

function table(files) {
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
  table(await buildScripts(resolve(process.argv[out + 1])));
} else if (process.argv.includes("--modules")) {
  table(await buildModules(join(HERE, "dist")));
} else {
  table([...(await buildScripts(SERVED)), ...(await buildModules(join(HERE, "dist")))]);
}
