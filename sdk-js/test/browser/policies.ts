/** The policies of the site. There is no control group, so visitors see the action that is drawn. */

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

/** A payload with values of every kind. */
export const DEAL = {
  headline: "Students save 10%",
  link: "/students",
  image: "/deal.gif",
  title: "A deal",
  count: 3,
  deep: { er: "down" },
};

const action = (id: string, payload: object, more = ""): string =>
  `[[actions]]\nid = "${id}"\npayload = ${inline(payload)}\n${more}`;

/** A value as inline TOML. */
function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{ ${Object.entries(value)
    .map(([key, one]) => `${JSON.stringify(key)} = ${inline(one)}`)
    .join(", ")} }`;
}

/** A policy with one action. */
export function fixed(placement: string, payload: object, id = "deal"): string {
  return HEAD(placement, `"${id}"`) + action(id, payload);
}

/** A policy that draws among actions. The headline of each names its id. */
export function drawn(placement: string, ids: string[]): string {
  return HEAD(placement, `"${ids[0]}"`) + ids.map((id) => action(id, { headline: `It is ${id}` })).join("");
}

/** A policy for a row of products. */
export function row(placement: string, slots: number, ids: string[]): string {
  const baseline = JSON.stringify(ids.slice(0, slots));
  const items = ids.map((id) => action(id, { name: `Product ${id}`, href: `/p/${id}`, image: `/${id}.gif` }));
  return `slots = ${slots}${HEAD(placement, baseline)}${items.join("")}`;
}
