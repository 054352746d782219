import type { Events } from "./types.js";

type Listener = [name: string, handler: (detail: any) => void];

const listeners = new Set<Listener>();

export const on = <Name extends keyof Events>(name: Name, handler: (detail: Events[Name]) => void): (() => void) => {
  const listener: Listener = [name, handler];
  listeners.add(listener);
  return () => listeners.delete(listener);
};

/** Each handler in a turn of its own: one that throws breaks nothing but itself. */
export const emit = <Name extends keyof Events>(name: Name, detail: Events[Name]): void =>
  listeners.forEach(([one, handler]) => one == name && setTimeout(handler, 0, detail));
