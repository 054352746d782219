import { groupOf } from "./descriptions.js";
import { type Preview, renderDetails } from "./details.js";
import { button, h } from "./element.js";
import type { Placement } from "./placement.js";

/** The list of all placements with their decisions. Folded, it is a button. */
export class Panel {
  readonly root = h("section", { class: "panel", "aria-label": "Edgewise debugger" });
  private readonly status = h("p", { class: "status", role: "status" });
  private placements: Placement[] = [];
  private problem = "";
  /** The placement that shows its details. Undefined before the first placement comes, null if none does. */
  private open: Placement | null | undefined;
  private isFolded = false;

  constructor(
    private readonly preview: Preview,
    private readonly highlight: (placement: Placement | undefined) => void,
  ) {
    this.root.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !this.isFolded) this.fold(true);
    });
  }

  draw(placements: Placement[], problem = this.problem): void {
    this.placements = placements;
    this.problem = problem;
    this.open = this.findOpen();
    const focused = this.focusedKey;
    const { scrollTop = 0 } = this.root.querySelector(".body") ?? {};
    this.root.classList.toggle("folded", this.isFolded);
    const content = this.isFolded ? [this.renderFolded()] : [this.renderHeader(), this.renderBody(), this.status];
    this.root.replaceChildren(...content);
    this.focus(focused);
    this.root.querySelector(".body")?.scrollTo(0, scrollTop);
  }

  /** Opens a placement and moves the focus to it. */
  reveal(placement: Placement): void {
    this.open = placement;
    this.isFolded = false;
    this.draw(this.placements);
    this.focus(`placement ${this.placements.indexOf(placement)}`);
  }

  /** Shows a message, which screen readers announce. */
  announce(text: string): void {
    this.status.textContent = text;
  }

  /** The first placement is open until another one is. A new decision for the open placement keeps it open. */
  private findOpen(): Placement | null | undefined {
    const { open, placements } = this;
    if (open === undefined) return placements[0];
    if (!open || placements.includes(open)) return open;
    return placements.find(({ name }) => name === open.name);
  }

  private fold(isFolded: boolean): void {
    this.isFolded = isFolded;
    this.draw(this.placements);
    this.focus("fold");
  }

  private renderFolded(): HTMLElement {
    const { length } = this.placements;
    const label = `Edgewise · ${length} ${length === 1 ? "placement" : "placements"}`;
    return button("fold", { class: "pill", "aria-expanded": "false" }, () => this.fold(false), renderLogo(), label);
  }

  private renderHeader(): HTMLElement {
    const note = h("span", { class: "note" }, "nothing is learned");
    const move = button("move", icon("Move to the other side"), () => this.root.classList.toggle("left"), "⇄");
    const fold = button("fold", { ...icon("Fold (Esc)"), "aria-expanded": "true" }, () => this.fold(true), "–");
    return h("header", {}, renderLogo(), h("h2", {}, "Edgewise"), note, move, fold);
  }

  private renderBody(): HTMLElement {
    const list = this.placements.map((placement, index) => this.renderPlacement(placement, index));
    if (!list.length) list.push(h("li", { class: "empty" }, "No placement has been decided on this page yet."));
    return h(
      "div",
      { class: "body" },
      !!this.problem && h("p", { class: "problem", role: "alert" }, this.problem),
      h("ul", {}, ...list),
    );
  }

  private renderPlacement(placement: Placement, index: number): HTMLElement {
    const { current, name } = placement;
    const isOpen = placement === this.open;
    const toggle = () => {
      this.open = isOpen ? null : placement;
      this.draw(this.placements);
    };
    const title = button(
      `placement ${index}`,
      { "aria-expanded": String(isOpen) },
      toggle,
      h("span", { class: "name" }, name),
      h("span", { class: "shown" }, placement.summary),
      h("span", { class: "group" }, groupOf(current)),
    );
    const item = h(
      "li",
      { class: `placement ${groupOf(current)}` },
      h("h3", {}, title),
      isOpen && renderDetails(placement, `${index}`, this.preview),
    );
    item.addEventListener("pointerenter", () => this.highlight(placement));
    item.addEventListener("pointerleave", () => this.highlight(undefined));
    item.addEventListener("focusin", () => this.highlight(placement));
    item.addEventListener("focusout", () => this.highlight(undefined));
    return item;
  }

  private get focusedKey(): string | undefined {
    const root = this.root.getRootNode() as ShadowRoot;
    return (root.activeElement as HTMLElement | null)?.dataset.key;
  }

  private focus(key: string | undefined): void {
    if (key) this.root.querySelector<HTMLElement>(`[data-key="${key}"]`)?.focus();
  }
}

const icon = (name: string) => ({ class: "icon", "aria-label": name, title: name });

/** Three bars, one of which is chosen. */
const renderLogo = () => h("span", { class: "mark", "aria-hidden": "true" }, h("i"), h("i"), h("i"));
