import { button, h } from "./element.js";
import { type Show, details } from "./details.js";
import type { Spot } from "./spot.js";
import { groupOf, shown } from "./words.js";

/** The list of the placements, with what was decided for each and why; folded, it is a button. */
export class Panel {
  readonly root = h("section", { class: "panel", "aria-label": "Edgewise debugger" });
  private readonly status = h("p", { class: "status", role: "status" });
  private spots: Spot[] = [];
  private problem = "";
  private open: Spot | null | undefined;
  private isFolded = false;

  /** `highlight` is told which placement is looked at, if any. */
  constructor(
    private readonly show: Show,
    private readonly highlight: (spot: Spot | undefined) => void,
  ) {
    this.root.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !this.isFolded) this.fold(true);
    });
  }

  draw(spots: Spot[], problem = this.problem): void {
    this.spots = spots;
    this.problem = problem;
    // At first the first is open; later that which was, though something else may have been decided for it.
    if (this.open === undefined) this.open = spots[0];
    else if (this.open && !spots.includes(this.open))
      this.open = spots.find(({ placement }) => placement === this.open?.placement);
    const focused = this.focused;
    const { scrollTop = 0 } = this.root.querySelector(".body") ?? {};
    this.root.classList.toggle("folded", this.isFolded);
    this.root.replaceChildren(...(this.isFolded ? [this.pill()] : [this.head(), this.body(), this.status]));
    this.focus(focused);
    this.root.querySelector(".body")?.scrollTo(0, scrollTop);
  }

  /** Unfold a placement, and go there. */
  reveal(spot: Spot): void {
    this.open = spot;
    this.isFolded = false;
    this.draw(this.spots);
    this.focus(`spot ${this.spots.indexOf(spot)}`);
  }

  /** Say something, to screen readers too. */
  say(text: string): void {
    this.status.textContent = text;
  }

  private fold(isFolded: boolean): void {
    this.isFolded = isFolded;
    this.draw(this.spots);
    this.focus("fold");
  }

  private pill(): HTMLElement {
    const { length } = this.spots;
    const label = `Edgewise · ${length} ${length === 1 ? "placement" : "placements"}`;
    return button("fold", { class: "pill", "aria-expanded": "false" }, () => this.fold(false), mark(), label);
  }

  private head(): HTMLElement {
    const note = h("span", { class: "note" }, "nothing is learned");
    const move = button("move", icon("Move to the other side"), () => this.root.classList.toggle("left"), "⇄");
    const fold = button("fold", { ...icon("Fold (Esc)"), "aria-expanded": "true" }, () => this.fold(true), "–");
    return h("header", {}, mark(), h("h2", {}, "Edgewise"), note, move, fold);
  }

  private body(): HTMLElement {
    const list = this.spots.map((spot, index) => this.spot(spot, index));
    if (!list.length) list.push(h("li", { class: "empty" }, "No placement has been decided on this page yet."));
    return h(
      "div",
      { class: "body" },
      !!this.problem && h("p", { class: "problem", role: "alert" }, this.problem),
      h("ul", {}, ...list),
    );
  }

  private spot(spot: Spot, index: number): HTMLElement {
    const { now, placement } = spot;
    const isOpen = spot === this.open;
    const pressed = () => {
      this.open = isOpen ? null : spot;
      this.draw(this.spots);
    };
    const item = h(
      "li",
      { class: `spot ${groupOf(now)}` },
      h(
        "h3",
        {},
        button(
          `spot ${index}`,
          { "aria-expanded": String(isOpen) },
          pressed,
          h("span", { class: "name" }, placement),
          h("span", { class: "shown" }, shown(now)),
          h("span", { class: "group" }, groupOf(now)),
        ),
      ),
      isOpen && details(spot, `${index}`, this.show),
    );
    item.addEventListener("pointerenter", () => this.highlight(spot));
    item.addEventListener("pointerleave", () => this.highlight(undefined));
    item.addEventListener("focusin", () => this.highlight(spot));
    item.addEventListener("focusout", () => this.highlight(undefined));
    return item;
  }

  private get focused(): string | undefined {
    const root = this.root.getRootNode() as ShadowRoot;
    return (root.activeElement as HTMLElement | null)?.dataset.key;
  }

  private focus(key: string | undefined): void {
    if (key) this.root.querySelector<HTMLElement>(`[data-key="${key}"]`)?.focus();
  }
}

const icon = (name: string) => ({ class: "icon", "aria-label": name, title: name });

/** The sign of the product: three bars, of which one is chosen. */
const mark = () => h("span", { class: "mark", "aria-hidden": "true" }, h("i"), h("i"), h("i"));
