import { formatPercent, groupOf } from "./descriptions.js";
import { button, h } from "./element.js";
import type { Placement } from "./placement.js";

/** A label that would be cut off above the viewport goes inside its frame. */
const LABEL_HEIGHT = 28;

/** Frames around the placements. They follow wherever the page moves the placements. */
export class Outlines {
  readonly layer = h("div", { class: "outlines" });
  private frames: { element: HTMLElement; placement: Placement; frame: HTMLElement }[] = [];
  private highlighted: Placement | undefined;

  constructor(private readonly onClick: (placement: Placement) => void) {
    this.follow();
  }

  draw(placements: Placement[]): void {
    this.frames = placements.flatMap((placement) =>
      placement.location
        ? [{ element: placement.location.element, placement, frame: this.renderFrame(placement) }]
        : [],
    );
    this.layer.replaceChildren(...this.frames.map(({ frame }) => frame));
    this.move();
  }

  highlight(placement: Placement | undefined): void {
    this.highlighted = placement;
    this.move();
  }

  private renderFrame(placement: Placement): HTMLElement {
    const { current, keepsDefault, name, summary } = placement;
    const hasChance = current.propensity != null && !keepsDefault;
    const text = hasChance ? `${summary} · ${formatPercent(current.propensity ?? 0)}` : summary;
    // Keyboards and screen readers have the same button in the panel.
    const label = button(
      "",
      { class: "label", tabindex: "-1", "aria-hidden": "true" },
      () => this.onClick(placement),
      h("b", {}, name),
      text,
    );
    return h("div", { class: `frame ${groupOf(current)}` }, label);
  }

  private move(): void {
    for (const { element, placement, frame } of this.frames) {
      const { left, top, width, height } = element.getBoundingClientRect();
      const { style } = frame;
      frame.classList.toggle("near-top", top < LABEL_HEIGHT);
      frame.classList.toggle("highlighted", placement === this.highlighted);
      style.display = width && height ? "" : "none";
      style.transform = `translate(${left}px,${top}px)`;
      style.width = `${width}px`;
      style.height = `${height}px`;
    }
  }

  private follow(): void {
    requestAnimationFrame(() => {
      this.move();
      this.follow();
    });
  }
}
