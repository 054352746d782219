import { context } from "./context.js";
import { emit } from "./emitter.js";
import { options } from "./options.js";
import { post } from "./post.js";
import { adopt } from "./queue.js";
import { read, write } from "./storage.js";
import type { DecideOptions, Decision } from "./types.js";
import { answered, ids, mayStore } from "./visitor.js";

/** A placement that is asked for, as it is sent, and what is done with its answer, whenever that comes. */
type Question = [body: { id: string }, settle: (answer?: any) => void];

const CACHED = "edgewise.c.";
const DAY = 864e5;

let questions: Question[] = [];
let isHeld = true;

export const decide = (
  placement: string,
  { timeout = options.budget, context: more, ...wanted }: DecideOptions = {},
): Promise<Decision> => {
  options.context = { ...options.context, ...more };
  const decided = new Promise<Decision>((resolve) => {
    /** A late answer comes to nobody but the cache. */
    const settle = (answer?: any) => {
      const key = CACHED + placement;
      // Else nobody has answered, or a broken proxy, or a foreign server.
      if (answer?.placement == placement) {
        if (answer.decisionId) write(key, { ...answer, at: Date.now(), source: "cache" });
        resolve({ ...answer, source: answer.group == "fallback" ? "fallback" : "policy" });
      } else {
        const last = mayStore && read(key);
        resolve(Date.now() - last?.at < DAY ? last : nothing(placement));
      }
    };
    questions.push([{ id: placement, ...wanted }, settle]);
    setTimeout(settle, timeout);
    if (!isHeld && !questions[1]) setTimeout(send);
  });
  decided.then((decision) => emit("decision", decision));
  return decided;
};

/** From now on, what is asked for in one turn is sent at its end. Of who is new, the server shall say if they may be kept. */
export const release = (): void => {
  if (isHeld) send();
  isHeld = false;
};

const send = () => {
  const asked = questions.splice(0);
  if (!asked[0] && mayStore != null) return;
  post("decide", {
    ...ids(),
    placements: asked.map(([body]) => body),
    context: context(),
    preview: options.preview,
  })
    .then((response) => response.json())
    .then((answer) => {
      answered(answer);
      // What former pages left may be sent now.
      adopt();
      asked.forEach(([, settle], i) => settle(answer.decisions[i]));
    })
    .catch(() => asked.forEach(([, settle]) => settle()));
};

const nothing = (placement: string): Decision => ({
  placement,
  action: null,
  payload: {},
  source: "fallback",
});
