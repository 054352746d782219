import { Stage } from "../firefox/stage.js";
import { POLICIES, visitPages } from "./visit-pages.js";

visitPages(new Stage(POLICIES));
