import { tcf } from "./tcf.js";
import type { Edgewise } from "./types.js";

declare const edgewise: Edgewise;

tcf(edgewise, document.currentScript!.dataset.purposes?.split(","));
