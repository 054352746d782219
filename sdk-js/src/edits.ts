import { attempt } from "./browser.js";

/** A change of an element: its new content, or the new value of one attribute (null: the attribute is removed). */
export type Edit =
  | { _target: Element; _attribute?: undefined; _content: (Node | string)[] }
  | { _target: Element; _attribute: string; _value: string | null };

/** Applies the edits, and returns those that undo them. */
export const applyEdits = (edits: Edit[]): Edit[] => edits.map(applyEdit);

const applyEdit = (edit: Edit): Edit => {
  const { _target, _attribute } = edit;
  if (_attribute === undefined) {
    const former = [..._target.childNodes];
    _target.replaceChildren(...edit._content);
    return { _target, _content: former };
  }
  const { _value } = edit;
  const former = _target.getAttribute(_attribute);
  if (_value === null) _target.removeAttribute(_attribute);
  else _target.setAttribute(_attribute, _value);
  return { _target, _attribute, _value: former };
};

/** The edits that `data-edgewise-fill` asks for, on the root and below. Leaves out missing and unsafe values. */
export const collectEdits = (root: Element | DocumentFragment, payload: unknown): Edit[] => {
  const below = root.querySelectorAll("[data-edgewise-fill]");
  const targets = "getAttribute" in root ? [root, ...below] : [...below];
  return targets.flatMap((target) =>
    (target.getAttribute("data-edgewise-fill") ?? "").split(/\s+/).flatMap((fill) => toEdit(target, fill, payload)),
  );
};

/** `fill` is `path` or `attribute=path`. */
const toEdit = (target: Element, fill: string, payload: unknown): Edit[] => {
  const [path = "", name = "text"] = fill.split("=").reverse();
  const value = valueAt(payload, path);
  if ((typeof value !== "string" && typeof value !== "number") || !isSafe(target, name, `${value}`)) return [];
  if (name === "text") return [{ _target: target, _content: [`${value}`] }];
  return [{ _target: target, _attribute: name, _value: `${value}` }];
};

const valueAt = (payload: unknown, path: string): unknown =>
  path
    .split(".")
    .reduce((found: unknown, key) => (found as { [key: string]: unknown } | null | undefined)?.[key], payload);

const SAFE_ATTRIBUTES = ["text", "alt", "title", "width", "height", "aria-label"];

/** Their text runs as code, or does so once somebody copies the page's HTML. */
const CODE_ELEMENTS = ["script", "style", "iframe", "object", "xmp", "noembed", "noframes", "noscript"];

const LINKS = ["a href", "img src", "source src", "video src"];

const isSafe = (target: Element, name: string, value: string) => {
  const tag = target.tagName.toLowerCase();
  const attribute = name.toLowerCase();
  return SAFE_ATTRIBUTES.includes(attribute)
    ? !CODE_ELEMENTS.includes(tag)
    : LINKS.includes(`${tag} ${attribute}`) && isSafeUrl(value);
};

/** Parses the address as the browser will, so that a disguised scheme (`java\nscript:`) is recognized. */
const isSafeUrl = (value: string) => {
  const url = attempt(() => new URL(value, location.href));
  return !!url && ["http:", "https:", "mailto:", "tel:"].includes(url.protocol);
};
