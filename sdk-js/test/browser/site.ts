import type { IncomingMessage, ServerResponse } from "node:http";
import { LocalServer } from "./local-server.js";
import { STUB } from "./stub.js";
import { Condition } from "./waiting.js";

export const NONCE = "bm9uY2U";
const PIXEL = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64");

/** A page, and how it embeds the SDK. */
export interface Page {
  /** The script that the tag loads. */
  file?: string;
  /** `head` and `end` (of the body) load the script with `async`, `blocking` before anything is painted. */
  tag?: "head" | "end" | "blocking" | "none";
  stub?: boolean;
  /** Attributes of the script tag, beside the write key. */
  attributes?: Record<string, string>;
  /** The budget in milliseconds. Its default is long, so that a slow machine behaves as a fast one. */
  hidden?: number;
  head?: string;
  body: string;
  /** A script of the page's own, in the head, after the stub. */
  script?: string;
  /** Further headers of the page. */
  headers?: Record<string, string>;
}

/** A page without placements. */
export const EMPTY: Page = { tag: "blocking", body: "<p>Nothing to decide</p>" };

/** A response that is no page: a script, a part of a page, or the answer to a form. */
export interface File {
  status?: number;
  headers?: Record<string, string>;
  body: string;
}

/** A site with a strict Content Security Policy. It collects the reports of its pages. */
export class Site extends LocalServer {
  readonly reports: Record<string, unknown>[] = [];
  readonly violations: unknown[] = [];
  readonly requested: string[] = [];
  private readonly pages = new Map<string, Page>();
  private readonly files = new Map<string, File>();
  private readonly condition = new Condition();

  constructor(private readonly edge: () => string) {
    super();
  }

  /** Serves a page, and returns its address. */
  put(path: string, page: Page): string {
    this.pages.set(path, page);
    return this.url + path;
  }

  putFile(path: string, file: File): void {
    this.files.set(path, file);
  }

  /** Waits for a report that a page posts to `/report`. */
  async until<Found>(what: string, find: (reports: Site["reports"]) => Found | undefined | false): Promise<Found> {
    return this.condition.until(
      what,
      () => find(this.reports),
      () => this.reports,
    );
  }

  protected async answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (incoming.url ?? "").replace(/\?.*/, "");
    this.requested.push(incoming.url ?? "");
    const page = this.pages.get(path);
    const file = this.files.get(path);
    if (file) response.writeHead(file.status ?? 200, file.headers).end(file.body);
    else if (incoming.method === "POST") await this.take(path, incoming, response);
    else if (page) response.writeHead(200, this.headers(page)).end(html(page, this.edge()));
    else if (path.endsWith(".gif")) response.writeHead(200, { "content-type": "image/gif" }).end(PIXEL);
    else response.writeHead(path === "/favicon.ico" ? 204 : 404).end();
    this.condition.notify();
  }

  private async take(path: string, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of incoming) parts.push(part as Buffer);
    const body: unknown = JSON.parse(Buffer.concat(parts).toString());
    if (path === "/violation") this.violations.push(body);
    else this.reports.push(body as Record<string, unknown>);
    response.writeHead(204).end();
  }

  private headers(page: Page): Record<string, string> {
    const edge = this.edge();
    const policy = {
      "default-src": "'none'",
      "script-src": `'nonce-${NONCE}'`,
      "style-src": `'nonce-${NONCE}'`,
      "connect-src": `'self' ${edge}`,
      "img-src": `'self' ${edge}`,
      "media-src": "'self'",
      "form-action": "'self'",
      "base-uri": "'none'",
      "require-trusted-types-for": "'script'",
      "trusted-types": "'none'",
      "report-uri": "/violation",
    };
    return {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": Object.entries(policy)
        .map((one) => one.join(" "))
        .join("; "),
      ...page.headers,
    };
  }
}

function html(page: Page, edge: string): string {
  const {
    file = "edgewise.js",
    tag = "head",
    stub = tag !== "none",
    attributes = {},
    hidden = 20_000,
    head = "",
    body,
    script = "",
  } = page;
  const all = Object.entries({ "data-write-key": "default", "data-budget": `${hidden}`, ...attributes });
  const written = all.map(([name, value]) => ` ${name}="${value.replaceAll("&", "&amp;").replaceAll('"', "&quot;")}"`);
  const source = `${tag === "blocking" ? "" : "async "}src="${edge}/${file}"`;
  const embedded = `<script nonce="${NONCE}" ${source}${written.join("")}></script>`;
  const own = (text: string): string => (text ? `<script nonce="${NONCE}">${text}</script>` : "");
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A shop</title>
<meta name="viewport" content="width=device-width">
<style nonce="${NONCE}">body{margin:0;font:16px/1.25 sans-serif}[data-edgewise]{min-height:300px;display:flow-root}
[data-edgewise][data-edgewise]:not([data-e]){animation-duration:${hidden}ms!important}</style>
${stub ? own(STUB) : ""}${own(script)}${tag === "head" || tag === "blocking" ? embedded : ""}${head}</head>
<body>${body}${tag === "end" ? embedded : ""}</body></html>`;
}
