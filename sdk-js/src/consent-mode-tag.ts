import { options } from "./options.js";
import "./tag.js";
import { consentMode } from "./consent-mode.js";

consentMode(window.edgewise, options.types?.split(","));
