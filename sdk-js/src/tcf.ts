import type { EdgewiseApi } from "./types.js";

/** The part of IAB TCF v2.2's TCData that is needed here. Platforms send null if the command fails. */
type TcData = {
  gdprApplies?: boolean;
  eventStatus: "tcloaded" | "cmpuishown" | "useractioncomplete";
  purpose: { consents: { [purpose: string]: boolean } };
} | null;

type TcfApi = (command: string, version: number, callback: (tcData: TcData) => void) => void;

/**
 * Takes over consent from the page's consent platform (IAB TCF v2.2), now and whenever it changes.
 *
 * Consent is granted if the visitor agrees to all purposes, or if the GDPR does not apply. Otherwise it is denied. It
 * does not change while the platform asks the visitor. The platform's stub must be on the page already.
 *
 * Default purposes: 1 (store on the device), 5 and 6 (create and use profiles for content), 8 (measure content).
 */
export const tcf = (client: Pick<EdgewiseApi, "consent">, purposes: (number | string)[] = [1, 5, 6, 8]): void => {
  const platform = window as unknown as { __tcfapi: TcfApi };
  platform.__tcfapi("addEventListener", 2, (tcData) => {
    if (!tcData || tcData.eventStatus === "cmpuishown") return;
    const isGranted = tcData.gdprApplies === false || purposes.every((id) => tcData.purpose.consents[id]);
    client.consent(isGranted ? "granted" : "denied");
  });
};
