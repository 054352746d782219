/** Nobody else has it. It is no secret, so it need not be unguessable; `crypto.randomUUID` is missing without TLS. */
export const randomId = (): string => `${Date.now()}-${Math.random()}`;
