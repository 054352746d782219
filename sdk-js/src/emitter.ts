import type { Events } from "./types.js";

type Handler = (detail: never) => void;

const handlers: { [event: string]: Set<Handler> } = {};
const past: [name: string, detail: unknown][] = [];

/** Whoever comes late is told what was decided and rendered so far. */
export const on = <Name extends keyof Events>(name: Name, handler: (detail: Events[Name]) => void): (() => void) => {
  const listening = (handlers[name] ??= new Set());
  listening.add(handler);
  for (const [former, detail] of past) former == name && call(handler, detail);
  return () => listening.delete(handler);
};

export const emit = <Name extends keyof Events>(name: Name, detail: Events[Name]): void => {
  if (name != "event") past.push([name, detail]);
  handlers[name]?.forEach((handler) => call(handler, detail));
};

/** In a turn of its own, so that a handler that throws is told of in the console and breaks nothing. */
const call = (handler: Handler, detail: unknown) => Promise.resolve(detail as never).then(handler);
