/** Read when the page loads, since the page's own router may drop it from the address. */
export const token = new URLSearchParams(location.search).get("edgewise-debug") ?? "";

/**
 * Asks the server why it rejects the token. Undefined if it does not.
 *
 * The core cannot report that: it treats every failure alike.
 */
export async function fetchRejection(placement: string): Promise<string | undefined> {
  const tag = document.querySelector<HTMLScriptElement>("script[data-write-key]");
  if (!tag) return undefined;
  const { writeKey, endpoint = new URL(tag.src).origin } = tag.dataset;
  try {
    const response = await fetch(`${endpoint}/v1/decide`, {
      method: "POST",
      headers: { "content-type": "text/plain" },
      body: JSON.stringify({ writeKey, placements: [placement], preview: token }),
    });
    const { error } = (await response.json()) as { error?: { code: string; message: string } };
    return error && describeRejection(error);
  } catch {
    return "The server cannot be reached.";
  }
}

const describeRejection = ({ code, message }: { code: string; message: string }) => {
  const rejected = code.includes("preview") ? "the token" : "the page";
  return `The server rejects ${rejected}: ${message.replace("preview: ", "").replace(/\.$/, "")}.`;
};
