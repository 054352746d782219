// For the demo's bar: what the hero or the cart shows, as the SDK tells it. In the head, so that nothing is missed.
const shown = new Promise((resolve) => {
  edgewise("on", "render", (rendering) => rendering.decision.placement != "home-row" && resolve(rendering));
});
