import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** The path of a program: the given one, or the first of the names in the PATH. */
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
