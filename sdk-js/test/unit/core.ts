// What the unit tests look at.
export { decide, release } from "../../src/decide.js";
export { on } from "../../src/emitter.js";
export { identify, page, reward, track } from "../../src/messages.js";
export { options } from "../../src/options.js";
export { adopt, start } from "../../src/queue.js";
export { answered, ids, isKnown, mayStore, say } from "../../src/visitor.js";
