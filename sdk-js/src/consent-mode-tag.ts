import { consentMode } from "./consent-mode.js";
import type { Edgewise } from "./types.js";

declare const edgewise: Edgewise;

// By its name, each time: the stub may stand there still.
consentMode({ consent: (state) => edgewise.consent(state) }, document.currentScript!.dataset.types?.split(","));
