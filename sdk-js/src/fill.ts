/** One thing that a payload writes: into a text or an attribute. */
type Edit = [target: Element, name: string, value: string];

/** What loads or runs is never written to, nor what is not HTML (its names are not in capitals). */
const UNTOUCHED = /^(SCRIPT|STYLE|IFRAME|FRAME|OBJECT|EMBED|BASE|LINK|META|TEMPLATE|NOSCRIPT)$|[a-z]/;
const HARMLESS = /^(text|alt|title|width|height|aria-label)$/;

/** What `data-edgewise-fill` asks for in and under a root, as far as the payload has it and it can do no harm. */
export const edits = (root: Element | DocumentFragment, payload: unknown): Edit[] =>
  [root, ...root.querySelectorAll("[data-edgewise-fill]")].flatMap((target) =>
    ((target as HTMLElement).dataset?.edgewiseFill ?? "").split(" ").flatMap((pair): Edit[] => {
      const [first, second] = pair.split("=");
      const [name, path] = second ? [first!, second] : ["text", first!];
      const value = path.split(".").reduce((found: any, key) => found?.[key], payload);
      const isPlain = typeof value == "string" || typeof value == "number";
      return isPlain && isAllowed(target as Element, name, value) ? [[target as Element, name, `${value}`]] : [];
    }),
  );

/** Writes; what it gives back writes what was there before. */
export const apply = (edits: Edit[]): Edit[] =>
  edits.map(([target, name, value]) => {
    const before = (name == "text" ? target.textContent : target.getAttribute(name)) as string;
    if (name == "text") target.textContent = value;
    else if (value == null) target.removeAttribute(name);
    else target.setAttribute(name, value);
    return [target, name, before];
  });

const isAllowed = ({ tagName }: Element, name: string, value: string | number) =>
  !UNTOUCHED.test(tagName) &&
  (HARMLESS.test(name) ||
    (name == "href" && /^(A|AREA)$/.test(tagName) && leadsTo(value, /^(https?|mailto|tel):$/)) ||
    (name == "src" && /^(IMG|SOURCE|VIDEO|AUDIO)$/.test(tagName) && leadsTo(value, /^https?:$/)));

/** Read as the browser will read it, so that no disguise of a scheme goes through. */
const leadsTo = (value: string | number, schemes: RegExp) => {
  try {
    return schemes.test(new URL(`${value}`, document.baseURI).protocol);
  } catch {
    return false;
  }
};
