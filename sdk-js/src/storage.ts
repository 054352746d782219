const PREFIX = "edgewise";

/** Storage may be switched off, full, or hold nonsense: then it is as if there were nothing. */
const attempt = <T>(act: () => T): T | undefined => {
  try {
    return act();
  } catch {
    return undefined;
  }
};

export const read = (key: string): any => attempt(() => JSON.parse(localStorage.getItem(PREFIX + key)!)) ?? undefined;

export const write = (key: string, value: unknown): void => {
  attempt(() => localStorage.setItem(PREFIX + key, JSON.stringify(value)));
};

export const remove = (key: string): void => {
  attempt(() => localStorage.removeItem(PREFIX + key));
};

/** What follows the prefix in the keys that there are. */
export const keys = (): string[] =>
  attempt(() =>
    Object.keys(localStorage)
      .filter((key) => key.startsWith(PREFIX))
      .map((key) => key.slice(PREFIX.length)),
  ) ?? [];
