import { readFileSync } from "node:fs";
import { buildSync } from "esbuild";

/** Files of npm packages that set a global. */
const FILES = {
  htmx: "htmx.org/dist/htmx.min.js",
  "htmx-2": "htmx-2/dist/htmx.min.js",
  jquery: "jquery/dist/jquery.min.js",
  lazysizes: "lazysizes/lazysizes.min.js",
  slick: "slick-carousel/slick/slick.min.js",
  swiper: "swiper/swiper-bundle.min.js",
  turbo: "@hotwired/turbo/dist/turbo.es2017-umd.js",
  vue: "vue/dist/vue.global.prod.js",
};

/** Packages without such a file, bundled as a global of this name. */
const BUNDLES = {
  gtm: 'export * from "@gtm-support/core"',
  React: 'export * from "react"; export { createRoot } from "react-dom/client"',
};

/** A library, by the name of its file on the site. */
export type Library = keyof typeof FILES | keyof typeof BUNDLES;

export const LIBRARIES = [...Object.keys(FILES), ...Object.keys(BUNDLES)] as Library[];

/** The script of a library. */
export function scriptOf(library: Library): string {
  if (library in FILES) return readFileSync(`node_modules/${FILES[library as keyof typeof FILES]}`, "utf8");
  const { outputFiles } = buildSync({
    stdin: { contents: BUNDLES[library as keyof typeof BUNDLES], resolveDir: process.cwd() },
    bundle: true,
    minify: true,
    format: "iife",
    globalName: library,
    define: { "process.env.NODE_ENV": '"production"' },
    write: false,
  });
  return outputFiles[0]?.text ?? "";
}
