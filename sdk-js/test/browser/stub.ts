import { existsSync, readFileSync } from "node:fs";

const FILE = "../server/edgewise/sdk/edgewise-stub.js";

/** What customers copy into the head of their pages, as it is built. */
export const STUB = existsSync(FILE) ? readFileSync(FILE, "utf8").trim() : "";
