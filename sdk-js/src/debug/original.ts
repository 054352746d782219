/** The content of a placement as the page wrote it. Every preview starts from it. */
export class Original {
  private readonly copy: HTMLElement;

  constructor(element: HTMLElement) {
    this.copy = element.cloneNode(true) as HTMLElement;
    // The scripts have run already.
    for (const script of this.copy.querySelectorAll("script")) script.remove();
  }

  /** Changes a copy of the original, and puts the result into the element. Outside of the page, nothing can move. */
  show(element: HTMLElement, change: (original: HTMLElement) => void): void {
    const changed = this.copy.cloneNode(true) as HTMLElement;
    change(changed);
    element.replaceChildren(...changed.childNodes);
    // A strict Content Security Policy forbids the style attribute, but not the style object.
    element.style.minHeight = changed.style.minHeight;
    for (const { name } of [...element.attributes]) {
      if (isContent(name) && !changed.hasAttribute(name)) element.removeAttribute(name);
    }
    for (const { name, value } of changed.attributes) {
      if (isContent(name) && element.getAttribute(name) !== value) element.setAttribute(name, value);
    }
  }
}

/** The attributes of the SDK stay as they are. */
const isContent = (attribute: string) => attribute !== "style" && !attribute.startsWith("data-edgewise");

/** The originals of all placements on the page, copied before a decision changes them. */
export class Originals {
  private readonly originals = new WeakMap<Element, Original>();

  constructor() {
    this.copyAll();
    // The parser or the page may add more placements, or more content to a placement.
    const observer = new MutationObserver(() => this.copyAll());
    observer.observe(document, { childList: true, characterData: true, subtree: true });
  }

  of(element: HTMLElement): Original {
    const original = this.originals.get(element) ?? new Original(element);
    this.originals.set(element, original);
    return original;
  }

  private copyAll(): void {
    for (const element of document.querySelectorAll<HTMLElement>("[data-edgewise]")) {
      const isDone = element.hasAttribute("data-e");
      if (!isDone || !this.originals.has(element)) this.originals.set(element, new Original(element));
    }
  }
}
