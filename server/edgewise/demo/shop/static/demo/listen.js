// The SDK's report on the hero or the cart, for the demo's toolbar. The script is in the head so that it misses none.
const shown = new Promise((resolve) => {
  edgewise("on", "render", (rendering) => rendering.decision.placement != "home-row" && resolve(rendering));
});
