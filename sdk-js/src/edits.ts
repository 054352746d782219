import { attempt } from "./browser.js";

/** A change of an element: its new content, or the new value of one attribute (null: the attribute is removed). */
export type Edit =
  | { _target: Element; _attribute?: undefined; _value: (Node | string)[] }
  | { _target: Element; _attribute: string; _value: string | null };

const applyEdit = ({ _target, _attribute, _value }: Edit): Edit => {
  if (_attribute === undefined) {
    const former = [..._target.childNodes];
    _target.replaceChildren(..._value);
    return { _target, _value: former };
  }
  const former = _target.getAttribute(_attribute);
  if (_value === null) _target.removeAttribute(_attribute);
  else _target.setAttribute(_attribute, _value);
  return { _target, _attribute, _value: former };
};

/** Applies the edits, and returns those that undo them. */
export const applyEdits = (edits: Edit[]): Edit[] => edits.map(applyEdit);

/** Whether a text, an image or the content of a template is still there, in the element that is `this`. */
export function isInForce(this: Element, { _target, _attribute, _value }: Edit): boolean {
  const found = _attribute ? _target.getAttribute(_attribute) : _target.textContent;
  const last = _value?.at(-1) as Node | undefined;
  return this.contains(_target) && (`${found}`.includes(`${_value}`) || last?.parentNode === _target);
}

/** Other addresses of an image: for other screens, and those that lazy loaders copy later. */
const COMPETING = ["srcset", "data-src"];

/** Without `reduce`, since old libraries of the page replace it. */
const valueAt = (payload: unknown, path: string): unknown => {
  let found = payload;
  for (const key of path.split(".")) found = (found as { [key: string]: unknown } | null | undefined)?.[key];
  return found;
};

const TEXTS = /^(text|alt|title|width|height|aria-label)$/i;

/** Their text runs as code, or does so once somebody copies the page's HTML. */
const CODE_ELEMENTS = /^(script|style|iframe|object|xmp|no.+)$/i;

const LINKS = /^(a href|(img|source|video) src)$/i;

/** Parses the address as the browser will, so that a disguised scheme (`java\nscript:`) is recognized. */
const isSafeUrl = (value: string) => attempt(() => /^(https?|mailto|tel):/.test(`${new URL(value, location.href)}`));

const isSafe = ({ tagName }: Element, attribute: string, value: string) =>
  TEXTS.test(attribute) ? !CODE_ELEMENTS.test(tagName) : LINKS.test(`${tagName} ${attribute}`) && isSafeUrl(value);

/** `fill` is `path` or `attribute=path`. */
const toEdits = (target: Element, fill: string, payload: unknown): Edit[] => {
  const [path = "", name = "text"] = fill.split("=").reverse();
  const found = valueAt(payload, path);
  const value = `${found}`;
  if ((typeof found !== "string" && typeof found !== "number") || !isSafe(target, name, value)) return [];
  if (name === "text") return [{ _target: target, _value: [value] }];
  const edits: Edit[] = [{ _target: target, _attribute: name, _value: value }];
  if (name === "src")
    for (const element of target.closest("picture")?.children ?? [target])
      for (const _attribute of COMPETING) edits.push({ _target: element, _attribute, _value: null });
  return edits;
};

/** The edits that `data-edgewise-fill` asks for, on the root and below. Leaves out missing and unsafe values. */
export const collectEdits = (root: Element | DocumentFragment, payload: unknown): Edit[] => {
  const targets = [root as Element, ...root.querySelectorAll("[data-edgewise-fill]")];
  return targets.flatMap((target) =>
    // The root may be a fragment, which has no attributes.
    (target.getAttribute?.("data-edgewise-fill") ?? "").split(/\s+/).flatMap((fill) => toEdits(target, fill, payload)),
  );
};
