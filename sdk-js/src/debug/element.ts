type Child = Node | string | false | null | undefined;

/** Attributes that are false or undefined are left out. */
type Attributes = { [attribute: string]: string | boolean | undefined };

/** Creates an element. Strings become text nodes: nothing is parsed as HTML. */
export function h<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value !== false && value !== undefined) element.setAttribute(attribute, value === true ? "" : value);
  }
  element.append(...children.filter((child): child is Node | string => !!child));
  return element;
}

/** Creates a button. The key identifies it across redraws, so that it keeps the focus. */
export function button(
  key: string,
  attributes: Attributes,
  onClick: () => void,
  ...children: Child[]
): HTMLButtonElement {
  const element = h("button", { type: "button", "data-key": key, ...attributes }, ...children);
  element.addEventListener("click", onClick);
  return element;
}
