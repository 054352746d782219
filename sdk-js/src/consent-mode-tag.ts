import { consentMode } from "./consent-mode.js";
import type { Edgewise } from "./types.js";

declare const edgewise: Edgewise;

consentMode(edgewise, document.currentScript!.dataset.types?.split(","));
