/** A placement as its page wrote it: what every preview starts from. */
export class Original {
  private readonly copy: HTMLElement;

  constructor(element: HTMLElement) {
    this.copy = element.cloneNode(true) as HTMLElement;
    // They have run, and are not to run again.
    for (const script of this.copy.querySelectorAll("script")) script.remove();
  }

  /** Make the element what `change` makes of the original. That happens off the page, where nothing can move. */
  show(element: HTMLElement, change: (original: HTMLElement) => void): void {
    const changed = this.copy.cloneNode(true) as HTMLElement;
    change(changed);
    element.replaceChildren(...changed.childNodes);
    // By its object, since a strict policy of the page forbids the attribute.
    element.style.minHeight = changed.style.minHeight;
    for (const { name } of [...element.attributes]) {
      if (isContent(name) && !changed.hasAttribute(name)) element.removeAttribute(name);
    }
    for (const { name, value } of changed.attributes) {
      if (isContent(name) && element.getAttribute(name) !== value) element.setAttribute(name, value);
    }
  }
}

/** The SDK's own marks stay as they are. */
const isContent = (attribute: string) => attribute !== "style" && !attribute.startsWith("data-edgewise");

/** What the placements of the page were before they became what was decided. */
export class Originals {
  private readonly all = new WeakMap<Element, Original>();

  constructor() {
    this.look();
    // What is still being parsed, or made by the page, is looked at again.
    new MutationObserver(() => this.look()).observe(document, { childList: true, characterData: true, subtree: true });
  }

  of(element: HTMLElement): Original {
    const original = this.all.get(element) ?? new Original(element);
    this.all.set(element, original);
    return original;
  }

  private look(): void {
    for (const element of document.querySelectorAll<HTMLElement>("[data-edgewise]")) {
      const isDone = element.hasAttribute("data-e");
      if (!isDone || !this.all.has(element)) this.all.set(element, new Original(element));
    }
  }
}
