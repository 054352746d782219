import { type Captured, capture } from "./capture.js";
import type { Edgewise } from "./types.js";

declare const edgewise: Edgewise;

capture(edgewise, document.currentScript!.dataset.capture?.split(",") as Captured[] | undefined);
