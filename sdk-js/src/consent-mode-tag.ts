import "./tag.js";
import { consentMode } from "./consent-mode.js";

consentMode(window.edgewise!, document.currentScript!.dataset.types?.split(","));
