// For the demo's bar: what the hero shows, as the SDK tells it. In the head, so that nothing is missed.
const heroShown = new Promise((resolve) => {
  edgewise("on", "render", (rendering) => rendering.decision.placement == "home-hero" && resolve(rendering));
});
