import { tcf } from "./tcf.js";
import type { Edgewise } from "./types.js";

declare const edgewise: Edgewise;

// By its name, each time: the stub may stand there still.
tcf({ consent: (state) => edgewise.consent(state) }, document.currentScript!.dataset.purposes?.split(","));
