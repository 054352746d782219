import { type Captured, capture } from "./capture.js";
import type { Edgewise } from "./types.js";

declare const edgewise: Edgewise;

const kinds = document.currentScript?.dataset.capture?.split(",");

// Looks `edgewise` up for each event, since the SDK replaces the stub when it has loaded.
capture({ track: (event, properties) => edgewise.track(event, properties) }, kinds as Captured[] | undefined);
