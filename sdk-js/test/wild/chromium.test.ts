import { Stage } from "../browser/stage.js";
import { POLICIES, visitPages } from "./visit-pages.js";

visitPages(new Stage(POLICIES));
