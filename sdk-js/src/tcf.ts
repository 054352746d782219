import type { EdgewiseApi } from "./types.js";

/** What a consent management platform tells (IAB TCF v2.2), as far as it is looked at here; null where it cannot. */
type TcData = {
  gdprApplies?: boolean;
  eventStatus: "tcloaded" | "cmpuishown" | "useractioncomplete";
  purpose: { consents: { [purpose: string]: boolean } };
} | null;

type TcfApi = (command: string, version: number, callback: (told: TcData) => void) => void;

/**
 * From now on consent is what the page's consent management platform says, once it does: granted where the GDPR does not
 * apply, or where all purposes are agreed to; else denied. While the visitor is being asked, what held before holds. The
 * platform's stub must be on the page already, as the standard has it.
 *
 * Purposes: by default 1 (store on the device), 5 and 6 (profiles for content, and their use), and 8 (measure content).
 */
export const tcf = (client: Pick<EdgewiseApi, "consent">, purposes: (number | string)[] = [1, 5, 6, 8]): void => {
  // Quoted, as the build shortens names that begin with an underscore.
  (window as unknown as { ["__tcfapi"]: TcfApi })["__tcfapi"]("addEventListener", 2, (told) => {
    if (!told || told.eventStatus == "cmpuishown") return;
    client.consent(told.gdprApplies == false || purposes.every((one) => told.purpose.consents[one]) ? "granted" : "denied");
  });
};
