import type { EdgewiseApi } from "./types.js";

/** `gtag("consent", "default" | "update", { analytics_storage: "denied", … })` is an entry of the data layer. */
type Entry = { [index: number]: any } | null | undefined;

/**
 * From now on consent is what the page says to Google Consent Mode, once it does: granted where all these types are; else
 * denied, by an update. A default that denies is no answer of the visitor's, and leaves it as it is.
 */
export const consentMode = (
  client: Pick<EdgewiseApi, "consent">,
  types: string[] = ["analytics_storage", "personalization_storage"],
): void => {
  const said: { [type: string]: string } = {};
  const layer: Entry[] = ((window as any).dataLayer ??= []);
  const { push } = layer;

  const read = (entry: Entry) => {
    if (entry?.[0] != "consent") return;
    Object.assign(said, entry[2]);
    if (types.every((type) => said[type] == "granted")) client.consent("granted");
    else if (entry[1] == "update") client.consent("denied");
  };

  layer.push = (...entries) => {
    entries.forEach(read);
    return push.apply(layer, entries);
  };
  layer.forEach(read);
};
