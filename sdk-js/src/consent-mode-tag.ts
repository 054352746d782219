import { edgewise } from "./client.js";
import "./tag.js";
import { consentMode } from "./consent-mode.js";
import { options } from "./options.js";

consentMode(edgewise, options.types?.split(","));
