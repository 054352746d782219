// The modules of the core that the unit tests call.
export { mayIdentify } from "../../src/consent.js";
export { decide, startSending } from "../../src/decide.js";
export { on } from "../../src/emitter.js";
export { identify, page, reward, track } from "../../src/messages.js";
export { options } from "../../src/options.js";
export { loadStored, startQueue } from "../../src/queue.js";
export { applyServerAnswer, getIds, setConsent } from "../../src/visitor.js";
