import { button, h } from "./element.js";
import type { Spot } from "./spot.js";
import { groupOf, percent, shown } from "./words.js";

/** Frames around the placements, which follow them wherever the page moves them. */
export class Outlines {
  readonly layer = h("div", { class: "outlines" });
  private readonly frames = new Map<Spot, HTMLElement>();
  private highlighted: Spot | undefined;

  /** `pressed` is told of the placement whose label was pressed. */
  constructor(private readonly pressed: (spot: Spot) => void) {
    this.follow();
  }

  draw(spots: Spot[]): void {
    this.frames.clear();
    for (const spot of spots) if (spot.place) this.frames.set(spot, this.frame(spot));
    this.layer.replaceChildren(...this.frames.values());
    this.place();
  }

  /** Let one stand out. */
  highlight(spot: Spot | undefined): void {
    this.highlighted = spot;
    this.place();
  }

  private frame(spot: Spot): HTMLElement {
    const { now, placement } = spot;
    const said = now.propensity == null ? shown(now) : `${shown(now)} · ${percent(now.propensity)}`;
    // The panel has the same for keyboards and screen readers.
    const label = button(
      "",
      { class: "label", tabindex: "-1", "aria-hidden": "true" },
      () => this.pressed(spot),
      h("b", {}, placement),
      said,
    );
    return h("div", { class: `frame ${groupOf(now)}` }, label);
  }

  private place(): void {
    for (const [spot, frame] of this.frames) {
      const { left, top, width, height } = spot.place!.element.getBoundingClientRect();
      const { style } = frame;
      frame.classList.toggle("near-top", top < 28);
      frame.classList.toggle("highlighted", spot === this.highlighted);
      style.display = width && height ? "" : "none";
      style.transform = `translate(${left}px,${top}px)`;
      style.width = `${width}px`;
      style.height = `${height}px`;
    }
  }

  private follow(): void {
    requestAnimationFrame(() => {
      this.place();
      this.follow();
    });
  }
}
