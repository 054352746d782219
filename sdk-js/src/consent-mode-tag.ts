import "./tag.js";
import { consentMode } from "./consent-mode.js";
import { options } from "./options.js";

consentMode(window.edgewise, options.types?.split(","));
