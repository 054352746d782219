import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Where a program is: the one that is named, else the first of these names that the PATH has; undefined where there is none. */
export function executable(named: string | undefined, names: string[]): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const candidates = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [named ?? "", ...candidates].find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return path !== "";
  } catch {
    return false;
  }
}
