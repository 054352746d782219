import { type Running, Scenery } from "../browser/scenery.js";
import { Firefox } from "./firefox.js";
import { type Visit, Visitor } from "./visit.js";

/** A stage with Firefox. */
export class Stage extends Scenery<Visit, Visitor> {
  protected async launch(): Promise<Running<Visitor>> {
    const firefox = await Firefox.launch();
    return { visitor: () => Visitor.of(firefox.browser), close: () => firefox.close() };
  }
}
