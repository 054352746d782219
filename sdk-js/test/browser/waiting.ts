/** Milliseconds until a wait fails. */
export const TIMEOUT = 60_000;

/** Checks conditions again whenever something has changed. */
export class Condition {
  private readonly checks = new Set<() => void>();

  notify(): void {
    for (const check of [...this.checks]) check();
  }

  /** Waits until `find` returns a value. `describe` is for the error message. */
  async until<Found>(what: string, find: () => Found | undefined | false, describe: () => unknown): Promise<Found> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.checks.delete(check);
        reject(new Error(`Expected ${what}. Found ${JSON.stringify(describe(), null, 1)}.`));
      }, TIMEOUT);
      const check = (): void => {
        const found = find();
        if (found === undefined || found === false) return;
        clearTimeout(timer);
        this.checks.delete(check);
        resolve(found);
      };
      this.checks.add(check);
      check();
    });
  }
}

/** Polls until `ask` returns a value. */
export async function eventually<Found>(what: string, ask: () => Promise<Found | undefined | false>): Promise<Found> {
  const end = Date.now() + TIMEOUT;
  for (let last: unknown; Date.now() < end; await new Promise((done) => setTimeout(done, 50))) {
    try {
      const found = await ask();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      last = error;
    }
    if (Date.now() + 50 >= end && last) throw last;
  }
  throw new Error(`Expected ${what} within ${TIMEOUT} ms.`);
}
