import type { EdgewiseApi } from "./types.js";

/** An entry of the data layer. `gtag` pushes its arguments: `["consent", "update", { ad_storage: "denied" }]`. */
type Entry = { [index: number]: unknown } | null | undefined;

/**
 * Takes over consent from Google Consent Mode, now and whenever it changes.
 *
 * Consent is granted once all of the types are granted. An update that leaves one of them denied denies it. A default
 * that denies changes nothing, since it is not the visitor's answer.
 */
export const consentMode = (
  client: Pick<EdgewiseApi, "consent">,
  types: string[] = ["analytics_storage", "personalization_storage"],
): void => {
  const states: { [type: string]: string } = {};

  const read = (entry: Entry) => {
    if (entry?.[0] !== "consent") return;
    Object.assign(states, entry[2]);
    if (types.every((type) => states[type] === "granted")) client.consent("granted");
    else if (entry[1] === "update") client.consent("denied");
  };

  // biome-ignore lint/suspicious/noAssignInExpressions: written for size.
  const dataLayer = ((window as Window & { dataLayer?: Entry[] }).dataLayer ??= []);
  const { push } = dataLayer;
  dataLayer.push = (...entries) => {
    entries.forEach(read);
    return push.apply(dataLayer, entries);
  };
  dataLayer.forEach(read);
};
