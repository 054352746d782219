import type { Events } from "./types.js";

interface Listener {
  _name: keyof Events;
  _handler: (detail: never) => void;
}

const listeners = new Set<Listener>();

export const on = <Name extends keyof Events>(name: Name, handler: (detail: Events[Name]) => void): (() => void) => {
  const listener: Listener = { _name: name, _handler: handler };
  listeners.add(listener);
  return () => listeners.delete(listener);
};

/** Calls each handler in a task of its own, so that one that throws stops nothing else. */
export const emit = <Name extends keyof Events>(name: Name, detail: Events[Name]): void => {
  for (const { _name, _handler } of listeners) if (_name === name) setTimeout(_handler, 0, detail);
};
