import { executable } from "./executable.js";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Where a Chromium is: `CHROMIUM`, else what the PATH has; undefined where there is none. */
export function chromiumPath(): string | undefined {
  return executable(process.env.CHROMIUM, NAMES);
}

/** As few surprises as possible: nothing but the tests' own pages speaks to anybody. */
export const FLAGS = [
  // Containers run as root, or without the namespaces that the sandbox is made of. Only our own pages are opened.
  "--no-sandbox",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  // A shop with a name, whose pages are not taken for secure ones as those of this machine are.
  "--host-resolver-rules=MAP shop.test 127.0.0.1",
];
