/** On its way down, every event of the page comes by the window: also those that do not bubble, or that the page stops. */
export const listen = (type: string, listener: (event: any) => void): void => addEventListener(type, listener, true);
