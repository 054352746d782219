type Events = WindowEventMap & DocumentEventMap & { prerenderingchange: Event };

/** Listens in the capture phase. So it sees events that do not bubble, and events that the page stops. */
export const listen = <Type extends keyof Events>(type: Type, listener: (event: Events[Type]) => void): void =>
  addEventListener(type, listener as (event: Event) => void, true);

/** The result of an action, or undefined if it throws. For browser features that may be switched off. */
export const attempt = <Result>(action: () => Result): Result | undefined => {
  try {
    return action();
  } catch {
    return undefined;
  }
};

/** Starts with the time, so ids sort by age. Not `crypto.randomUUID`, which is missing on pages without TLS. */
export const randomId = (): string => `${Date.now()}-${Math.random()}`;

/** https://developer.mozilla.org/docs/Web/API/Document/prerendering */
export const isPrerendering = (): boolean => !!(document as Document & { prerendering?: boolean }).prerendering;

/** https://globalprivacycontrol.org */
export const hasGlobalPrivacyControl = (): boolean =>
  !!(navigator as Navigator & { globalPrivacyControl?: boolean }).globalPrivacyControl;
