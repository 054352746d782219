import { type IncomingMessage, request, type ServerResponse } from "node:http";
import { LocalServer } from "./local-server.js";
import { Condition } from "./waiting.js";

/** A message as a page sent it. */
export interface Message {
  type: string;
  messageId: string;
  event?: string;
  anonymousId?: string | null;
  userId?: string | null;
  userHash?: string;
  properties?: Record<string, unknown>;
  timestamp?: string;
}

/** A request and the status of its answer, which is 0 if there was none. */
export interface Exchange {
  method: string;
  path: string;
  headers: IncomingMessage["headers"];
  raw: string;
  status: number;
}

/** Handles a request in place of the server. Returns false to forward it. */
export type Interceptor = (exchange: Exchange, response: ServerResponse) => boolean | Promise<boolean>;

/** Closes the connection without an answer. */
export const disconnect: Interceptor = (_, response) => {
  response.socket?.destroy();
  return true;
};

/** Sends a fixed answer. */
export function respondWith(body: string, status = 200, type = "application/json"): Interceptor {
  return (exchange, response) => {
    const origin = exchange.headers.origin ?? "*";
    response.writeHead(status, {
      "content-type": type,
      "access-control-allow-origin": origin,
      "access-control-allow-credentials": "true",
    });
    response.end(body);
    exchange.status = status;
    return true;
  };
}

/** Holds requests back until `release` is called, then forwards them. */
export function hold(): { interceptor: Interceptor; release: () => void } {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { interceptor: async () => released.then(() => false), release };
}

/** Forwards requests to the server, records them, and can intercept them. */
export class RecordingProxy extends LocalServer {
  readonly exchanges: Exchange[] = [];
  /** By the prefix of a path. The longest prefix counts. */
  readonly interceptors = new Map<string, Interceptor>();
  private readonly condition = new Condition();

  /** `target` is called for each request, since the port of the server may change. */
  constructor(private readonly target: () => string) {
    super();
  }

  /** Forgets all requests, and stops intercepting. */
  clear(): void {
    this.exchanges.length = 0;
    this.interceptors.clear();
  }

  requests(path: string): Exchange[] {
    return this.exchanges.filter((exchange) => exchange.path === path && exchange.method !== "OPTIONS");
  }

  /** The decide requests with at least one placement. */
  get decideRequests(): { exchange: Exchange; placements: { id: string }[]; body: Record<string, unknown> }[] {
    return this.requests("/v1/decide")
      .map((exchange) => ({ exchange, body: JSON.parse(exchange.raw) as Record<string, unknown> }))
      .map(({ exchange, body }) => ({ exchange, body, placements: body.placements as { id: string }[] }))
      .filter(({ placements }) => placements.length);
  }

  /** The messages that the server has acknowledged, without duplicates, in their order of arrival. */
  get arrived(): Message[] {
    return this.messages((exchange) => exchange.status === 200);
  }

  /** The acknowledged messages with this event or type. */
  received(name: string): Message[] {
    return this.arrived.filter((message) => message.event === name || message.type === name);
  }

  /** Waits until the server has acknowledged this many messages with an event or type. */
  async waitFor(name: string, count = 1): Promise<Message[]> {
    return this.until(`${count} of ${name}`, () => this.received(name).length >= count && this.received(name));
  }

  messages(which: (exchange: Exchange) => boolean): Message[] {
    const batches = this.requests("/v1/batch").filter(which);
    const sent = batches.flatMap((exchange) => (JSON.parse(exchange.raw) as { batch: Message[] }).batch);
    return [...new Map(sent.map((message) => [message.messageId, message])).values()];
  }

  /** Waits until `find` returns a value. */
  async until<Found>(what: string, find: (proxy: this) => Found | undefined | false): Promise<Found> {
    return this.condition.until(
      what,
      () => find(this),
      () => this.exchanges.map(({ method, path, raw, status }) => ({ method, path, raw: raw.slice(0, 2000), status })),
    );
  }

  protected async answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    try {
      for await (const part of incoming) parts.push(part as Buffer);
    } catch {
      return; // The page went before it had sent all.
    }
    const body = Buffer.concat(parts);
    const path = incoming.url ?? "";
    const exchange = {
      method: incoming.method ?? "",
      path: path.replace(/\?.*/, ""),
      headers: incoming.headers,
      raw: body.toString(),
      status: 0,
    };
    this.exchanges.push(exchange);
    this.condition.notify();
    const interceptor = this.interceptorFor(path);
    if (!interceptor || !(await interceptor(exchange, response))) this.forward(path, exchange, body, response);
    this.condition.notify();
  }

  private interceptorFor(path: string): Interceptor | undefined {
    const fitting = [...this.interceptors.keys()].filter((prefix) => path.startsWith(prefix));
    return this.interceptors.get(fitting.sort((one, other) => other.length - one.length)[0] ?? "none");
  }

  private forward(path: string, exchange: Exchange, body: Buffer, response: ServerResponse): void {
    const { method, headers } = exchange;
    // On a new connection, since the server may close a kept one while it is reused.
    const onward = request(this.target() + path, { method, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(response);
      answer.once("end", () => {
        exchange.status = answer.statusCode ?? 502;
        this.condition.notify();
      });
    });
    onward.on("error", () => response.socket?.destroy());
    onward.end(body);
  }
}
