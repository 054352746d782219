import { executable } from "./executable.js";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** The path of Chromium: `CHROMIUM`, or the first one in the PATH. */
export function chromiumPath(): string | undefined {
  return executable(process.env.CHROMIUM, NAMES);
}

/** Turns off everything that would use the network. */
export const FLAGS = [
  // In containers, the sandbox lacks its namespaces. The tests open only their own pages.
  "--no-sandbox",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  // Pages of a named host are not secure contexts, unlike those of localhost.
  "--host-resolver-rules=MAP shop.test 127.0.0.1",
];
