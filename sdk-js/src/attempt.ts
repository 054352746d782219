/** What an act gives, or undefined: where the browser may refuse, or find nonsense, the page goes on without. */
export const attempt = <T>(act: () => T): T | undefined => {
  try {
    return act();
  } catch {
    return undefined;
  }
};
