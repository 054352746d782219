import "./tag.js";
import { options } from "./options.js";
import { tcf } from "./tcf.js";

tcf(window.edgewise, options.purposes?.split(","));
