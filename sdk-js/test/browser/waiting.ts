/** How long a test waits for what must happen, before it fails; milliseconds. Only a failure takes this long. */
export const PATIENCE = 60_000;

/** Wakes all that wait for something to become true, each time that something has changed. */
export class Waiting {
  private readonly looks = new Set<() => void>();

  /** Something has changed. */
  changed(): void {
    for (const look of [...this.looks]) look();
  }

  /** What `find` finds, as soon as it is not undefined or false; `told` says what there was instead when it never is. */
  async until<Found>(what: string, find: () => Found | undefined | false, told: () => unknown): Promise<Found> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.looks.delete(look);
        reject(new Error(`expected ${what}; there was ${JSON.stringify(told(), null, 1)}`));
      }, PATIENCE);
      const look = (): void => {
        const found = find();
        if (found === undefined || found === false) return;
        clearTimeout(timer);
        this.looks.delete(look);
        resolve(found);
      };
      this.looks.add(look);
      look();
    });
  }
}

/** Asks again and again, for what nobody tells of. */
export async function eventually<Found>(what: string, ask: () => Promise<Found | undefined | false>): Promise<Found> {
  const end = Date.now() + PATIENCE;
  for (let last: unknown; Date.now() < end; await new Promise((done) => setTimeout(done, 50))) {
    try {
      const found = await ask();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      last = error;
    }
    if (Date.now() + 50 >= end && last) throw last;
  }
  throw new Error(`expected ${what}, within ${PATIENCE} ms`);
}
