/** The page's token, as its address had it when the page was loaded: its own navigation may drop it. */
export const token = new URLSearchParams(location.search).get("edgewise-debug") ?? "";

/**
 * Why the server does not take the page's token, in its own words; undefined where it does, or says nothing.
 *
 * The core does not tell: to a page, no answer is like any other.
 */
export async function refusalOf(placement: string): Promise<string | undefined> {
  const tag = document.querySelector<HTMLScriptElement>("script[data-write-key]");
  if (!tag) return undefined;
  const endpoint = tag.dataset.endpoint ?? new URL(tag.src).origin;
  try {
    const body = JSON.stringify({ writeKey: tag.dataset.writeKey, placements: [placement], preview: token });
    const response = await fetch(`${endpoint}/v1/decide`, { method: "POST", headers: { "content-type": "text/plain" }, body });
    const { error } = (await response.json()) as { error?: { code: string; message: string } };
    const what = error?.code.includes("preview") ? "the token" : "the page";
    return error && `The server refuses ${what}: ${error.message.replace("preview: ", "")}.`;
  } catch {
    return "The server cannot be reached.";
  }
}
