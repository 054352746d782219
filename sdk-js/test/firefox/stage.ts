import { BaseStage, type RunningBrowser } from "../browser/base-stage.js";
import { Firefox } from "./firefox.js";
import { type Visit, Visitor } from "./visit.js";

/** A stage with Firefox. */
export class Stage extends BaseStage<Visit, Visitor> {
  protected async launch(): Promise<RunningBrowser<Visitor>> {
    const firefox = await Firefox.launch();
    return { visitor: () => Visitor.of(firefox.browser), close: () => firefox.close() };
  }
}
