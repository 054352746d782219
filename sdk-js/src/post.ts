import { consent } from "./consent.js";
import { toJson } from "./json.js";
import { options } from "./options.js";

/** Sends JSON as plain text, since another content type would cost a CORS preflight. */
export const post = async (path: string, body: object, keepalive?: boolean): Promise<Response> =>
  fetch(`${options.endpoint}/v1/${path}`, {
    method: "POST",
    body: toJson({ writeKey: options.writeKey, consent: consent._state, ...body }),
    keepalive,
  });
