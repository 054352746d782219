/** The policies of the site that the tests visit. Nobody is in a control group: what is shown is what is drawn. */

const HEAD = (placement: string, baseline: string): string => `
placement = "${placement}"
baseline = ${baseline}
control = { share = 0.0 }
[reward]
window = "1s"
impression_within = "30s"
[reward.events]
"$click" = 0.25
"Signed Up" = 1.0
`;

const action = (id: string, payload: object, more = ""): string =>
  `[[actions]]\nid = "${id}"\npayload = ${inline(payload)}\n${more}`;

/** As TOML writes a value in one line. */
function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{ ${Object.entries(value).map(([key, one]) => `${JSON.stringify(key)} = ${inline(one)}`).join(", ")} }`;
}

/** A policy that always shows one payload: its baseline's action is not there for anyone by choice. */
export function fixed(placement: string, payload: object, id = "deal"): string {
  return HEAD(placement, `"${id}"`) + action(id, payload);
}

/** A policy that draws among actions, each of which says its own id. */
export function drawn(placement: string, ids: string[]): string {
  return HEAD(placement, `"${ids[0]}"`) + ids.map((id) => action(id, { headline: `It is ${id}` })).join("");
}

/** A row of slots, each showing a product. */
export function row(placement: string, slots: number, ids: string[]): string {
  const baseline = JSON.stringify(ids.slice(0, slots));
  const items = ids.map((id) => action(id, { name: `Product ${id}`, href: `/p/${id}`, image: `/${id}.gif` }));
  return `slots = ${slots}` + HEAD(placement, baseline) + items.join("");
}
