import type { ErrorCode, EvaluationContext, JsonValue, Provider, ResolutionDetails } from "@openfeature/web-sdk";
import type { Context, Decision, EdgewiseApi, Properties } from "./types.js";

/**
 * Placements as flags, for OpenFeature's web SDK: `OpenFeature.setProvider(edgewiseProvider(edgewise, ["home-hero"]))`.
 *
 * These placements are decided now, and anew when the context changes. Its targeting key is the user's id; all else goes to
 * `context.data`. A flag's key is its placement, its variant the id of the action that was chosen. An object flag is the
 * payload (of a row: its slots), any other the payload's `value`; a text without one is the id of the action.
 * The reason is the decision's source: policy, cache or fallback.
 *
 * A decision's first evaluation is its impression. To track a flag's key is to reward what was evaluated last, with the
 * `value` or 1; to track anything else is an event, which is worth what the policies say.
 */
export const edgewiseProvider = (
  client: Pick<EdgewiseApi, "decide" | "identify" | "reward" | "track">,
  placements: string[],
): Provider => {
  const evaluated: { [placement: string]: string } = {};
  let decisions: Decision[] = [];
  let latest: EvaluationContext;

  const decide = async (context: EvaluationContext = {}) => {
    const { targetingKey, ...data } = (latest = context);
    if (targetingKey) client.identify(targetingKey);
    const made = await Promise.all(placements.map((one) => client.decide(one, { context: { data } as Context })));
    // Of two changes the later one holds, whichever is answered first.
    if (latest == context) decisions = made;
  };

  const resolve = <T extends JsonValue>(flagKey: string, value: T): ResolutionDetails<T> => {
    const decision = decisions.find(({ placement }) => placement == flagKey);
    if (!decision) return { value, errorCode: "FLAG_NOT_FOUND" as ErrorCode };
    const { action, decisionId, payload, slots, source } = decision;
    if (decisionId && decisionId != evaluated[flagKey]) {
      evaluated[flagKey] = decisionId;
      client.track("$impression", { decisionId, action });
    }
    const found = [slots ?? (action && payload), payload.value, action].find((one) => typeof one == typeof value);
    return { value: (found ?? value) as T, variant: action!, reason: source };
  };

  return {
    metadata: { name: "edgewise" },
    initialize: decide,
    onContextChange: (_, context) => decide(context),
    resolveBooleanEvaluation: resolve,
    resolveNumberEvaluation: resolve,
    resolveObjectEvaluation: resolve,
    resolveStringEvaluation: resolve,
    track(name, _, details) {
      if (evaluated[name]) client.reward(evaluated[name], details.value ?? 1);
      else client.track(name, details as Properties);
    },
  };
};
