import type { Events } from "./types.js";

type Listener = [name: string, handler: (detail: any) => void];

const listeners = new Set<Listener>();

export const on = <Name extends keyof Events>(name: Name, handler: (detail: Events[Name]) => void): (() => void) => {
  const listener: Listener = [name, handler];
  listeners.add(listener);
  return () => listeners.delete(listener);
};

/** A handler that throws is told of in the console, and breaks nothing but itself. */
export const emit = <Name extends keyof Events>(name: Name, detail: Events[Name]): void =>
  listeners.forEach(([one, handler]) => {
    try {
      if (one == name) handler(detail);
    } catch (error) {
      reportError(error);
    }
  });
