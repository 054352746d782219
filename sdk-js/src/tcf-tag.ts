import "./tag.js";
import { tcf } from "./tcf.js";

tcf(window.edgewise!, document.currentScript!.dataset.purposes?.split(","));
