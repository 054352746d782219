import { type Captured, capture } from "./capture.js";
import type { Edgewise } from "./types.js";

declare const edgewise: Edgewise;

// By its name, each time: the stub may stand there still.
capture(
  { track: (event, properties) => edgewise.track(event, properties) },
  document.currentScript!.dataset.capture?.split(",") as Captured[] | undefined,
);
