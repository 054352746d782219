import type { ErrorCode, EvaluationContext, JsonValue, Provider, ResolutionDetails } from "@openfeature/web-sdk";
import type { Context, Decision, EdgewiseApi, IdentifyOptions, Properties } from "./types.js";

/**
 * A provider for OpenFeature's web SDK that evaluates flags as placements.
 *
 * It decides the placements when it is set, and again whenever the context changes. The targeting key is the user id,
 * and `userHash` is its proof. The rest of the context becomes `context.data`.
 *
 * - The flag key is the placement, the variant is the id of the action, and the reason is the source of the decision.
 * - An object flag is the action's payload, or the list of slots. Other flags are the payload's `value`.
 * - A string flag without such a value is the id of the action.
 *
 * The first evaluation of a decision reports its impression. Tracking a flag key rewards the decision that was last
 * evaluated, with `value` or 1. Tracking any other name reports an event.
 */
export const edgewiseProvider = (
  client: Pick<EdgewiseApi, "decide" | "identify" | "reward" | "track">,
  placements: string[],
): Provider => {
  /** The decision of each placement that was evaluated last. */
  const evaluated: { [placement: string]: string } = {};
  let decisions: Decision[] = [];
  let latest: EvaluationContext;

  const decide = async (context: EvaluationContext = {}) => {
    latest = context;
    const { targetingKey, userHash, ...data } = context;
    if (targetingKey) client.identify(targetingKey, undefined, { userHash } as IdentifyOptions);
    const made = await Promise.all(placements.map((one) => client.decide(one, { context: { data } as Context })));
    // The context may have changed again in the meantime.
    if (latest === context) decisions = made;
  };

  const resolve = <Value extends JsonValue>(flagKey: string, defaultValue: Value): ResolutionDetails<Value> => {
    const decision = decisions.find(({ placement }) => placement === flagKey);
    if (!decision) return { value: defaultValue, errorCode: "FLAG_NOT_FOUND" as ErrorCode };
    const { action, decisionId, payload, slots, source } = decision;
    if (decisionId && decisionId !== evaluated[flagKey]) {
      evaluated[flagKey] = decisionId;
      client.track("$impression", { decisionId, action });
    }
    const candidates = [slots ?? (action && payload), payload.value, action];
    const value = candidates.find((candidate) => typeof candidate === typeof defaultValue) ?? defaultValue;
    return { value: value as Value, variant: action as string, reason: source };
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
      const decisionId = evaluated[name];
      if (decisionId) client.reward(decisionId, details.value ?? 1);
      else client.track(name, details as Properties);
    },
  };
};
