import { options } from "./options.js";
import { consent } from "./visitor.js";

/** As plain text, which spares a preflight. */
export const post = (path: string, body: object, keepalive?: boolean): Promise<Response> =>
  fetch(`${options.endpoint}/v1/${path}`, {
    method: "POST",
    body: JSON.stringify({ writeKey: options.writeKey, consent, ...body }),
    keepalive,
  });
