import { attempt } from "./attempt.js";

/** An attribute's new value, or, where no attribute is named, the element's new content. */
export type Edit = [target: Element, attribute: string, value: any];

/** Writes; what it gives back writes what was there before. */
export const apply = (edits: Edit[]): Edit[] =>
  edits.map(([target, attribute, value]) => {
    const former = attribute ? target.getAttribute(attribute) : [...target.childNodes];
    if (!attribute) target.replaceChildren(...value);
    else if (value === null) target.removeAttribute(attribute);
    else target.setAttribute(attribute, value);
    return [target, attribute, former];
  });

/** What may be written where. Text in those first elements would run, or would once somebody copies the page's HTML. */
const HARMLESS =
  /^(?!(script|style|iframe|object|xmp|no\w+) ).* (text|alt|title|width|height|aria-label)$|^a href$|^(img|source|video) src$/i;

/** What `data-edgewise-fill` asks for in and under a root, as far as the payload has it and it can do no harm. */
export const filling = (root: Element | DocumentFragment, payload: unknown): Edit[] =>
  [root as HTMLElement, ...root.querySelectorAll<HTMLElement>("[data-edgewise-fill]")].flatMap((target) =>
    (target.dataset?.edgewiseFill ?? "").split(/\s+/).flatMap((pair): Edit[] => {
      const [path, name = "text"] = pair.split("=").reverse() as [string, string?];
      const value = path.split(".").reduce((found: any, key) => found?.[key], payload);
      const isWanted = /string|number/.test(typeof value) && HARMLESS.test(`${target.tagName} ${name}`);
      if (!isWanted || (/href|src/i.test(name) && !leadsSomewhere(value))) return [];
      return [name == "text" ? [target, "", [value]] : [target, name, value]];
    }),
  );

/** Read as the browser will read it, so that no disguise of a scheme goes through. */
const leadsSomewhere = (value: string) =>
  attempt(() => /^(https?|mailto|tel):/.test(new URL(value, location.href).href));
