type Child = Node | string | false | null | undefined;

/** Attributes by their names; false and undefined are left out. */
type Given = { [attribute: string]: string | boolean | undefined };

/** An element with its attributes and children. Texts are texts: nothing is parsed. */
export function h<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  given: Given = {},
  ...children: Child[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(given)) {
    if (value !== false && value !== undefined) element.setAttribute(attribute, value === true ? "" : value);
  }
  element.append(...children.filter((child): child is Node | string => !!child));
  return element;
}

/** A button, and what it does. `key` is what it is found by again when it has been drawn anew. */
export function button(key: string, given: Given, pressed: () => void, ...children: Child[]): HTMLButtonElement {
  const element = h("button", { type: "button", "data-key": key, ...given }, ...children);
  element.addEventListener("click", pressed);
  return element;
}
