/** The visitor's answer to being recognized. Without an answer, the site's `consent` setting on the server decides. */
export type ConsentState = "granted" | "pending" | "denied";

/** A JSON value. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** Properties of an event, or traits of a user. */
export type Properties = { [key: string]: Json | undefined };

/** The context of a decision. The SDK adds the address, the referrer and the time zone. */
export interface Context {
  page?: { url?: string; path?: string | undefined; type?: string | undefined; referrer?: string };
  device?: { type?: string };
  locale?: string;
  timezone?: string;
  /** Anything else, for conditions and the model. Not sent without consent, since it may describe the visitor. */
  data?: { [key: string]: Json };
}

/** The options of `init`. The script tag has the same as `data-…` attributes. */
export interface Options {
  /** The site's public key (`write_key` in `site.toml`). */
  writeKey: string;
  /** The server's origin. Default: the origin of the script, or of the page if the SDK is imported. */
  endpoint?: string;
  /** Milliseconds to wait for a decision before the default content stays. Default: 1000. */
  budget?: number;
  /** "swap": content that the visitor has seen is swapped too, with a short fade. For tag managers. */
  late?: "swap";
  /** The visitor's consent when the page starts. */
  consent?: ConsentState;
  /** The id of the user who is logged in, as for {@link Edgewise.identify}. */
  userId?: string;
  /** The proof of the user id, which the site's server computes. */
  userHash?: string;
  /** The type of the page, as `context.page.type`. */
  pageType?: string | undefined;
  /** The context of all decisions on this page. */
  context?: Context;
  /** Turns automatic page views off: the site calls {@link Edgewise.page}. */
  manual?: boolean;
  /** Called with each message before it is queued. Returns the message, a changed one, or null to drop it. */
  beforeSend?: (message: Message) => Message | null | Promise<Message | null>;
  /** A preview token: decisions show what the token selects, and nothing is logged. */
  preview?: string;
}

/** The options of one decision. */
export interface DecideOptions {
  /** Milliseconds after which the promise resolves without an answer. Default: the budget. */
  timeout?: number;
  /** The number of actions in a row. */
  slots?: number | undefined;
  /** Ids of actions to leave out, such as the product that the page shows already. */
  exclude?: string[] | undefined;
  /** Merged into the context of this and all later decisions, key by key. */
  context?: Context;
  /** The action to show. Needs a preview token. */
  action?: string;
}

/** The options of {@link Edgewise.identify}. */
export interface IdentifyOptions {
  /** The proof of the user id, which the site's server computes. Without it, the server ignores the user id. */
  userHash?: string | undefined;
}

/** One slot of a decision. `action` is null if only the default content can be shown. */
export interface Slot {
  action: string | null;
  payload: { [key: string]: Json };
  /** The probability with which the action was chosen. */
  propensity?: number | null;
}

/** The decision for a placement. */
export interface Decision extends Slot {
  placement: string;
  /** The id for {@link Edgewise.reward}. Null if nothing can be learned: for fallbacks, previews and robots. */
  decisionId?: string | null;
  /** Missing if the server did not answer. */
  group?: "policy" | "control" | "pinned" | "fallback" | "preview" | "none";
  policyVersion?: string | null;
  modelVersion?: number | null;
  /** When the decision was made, in milliseconds since 1970. Only cached decisions have it. */
  at?: number;
  /** The slots of a row. */
  slots?: Slot[];
  /**
   * `policy`: the server answered in time. `cache`: it did not, and this is an earlier answer. `fallback`: there is no
   * answer, or the answer is the baseline.
   */
  source: "policy" | "cache" | "fallback";
  /** How the decision was made. Only for debug tokens. */
  debug?: { [key: string]: Json };
}

/**
 * What happened to a placement in the markup.
 *
 * - `swapped`: it shows the content of its action.
 * - `default`: the default content is the action, or there is no action.
 * - `late`: the visitor had seen the default content, so it stays.
 * - `moved`: the new content would have moved its surroundings, so the default stays.
 * - `timeout`: there was no decision in time, so the default stays.
 */
export type Rendered = "swapped" | "default" | "late" | "moved" | "timeout";

/** A placement in the markup that has been rendered. */
export interface Rendering {
  element: HTMLElement;
  decision: Decision;
  rendered: Rendered;
}

/** A message to the server, in the format of Segment's HTTP Tracking API. */
export interface Message {
  type: "track" | "page" | "identify";
  messageId: string;
  timestamp: string;
  anonymousId?: string | undefined;
  userId?: string | undefined;
  userHash?: string | undefined;
  event?: string;
  properties?: Properties;
  traits?: Properties | undefined;
  context?: object | undefined;
}

/** The events of {@link Edgewise.on}. */
export interface Events {
  /** A decision was made, for the markup or for code. */
  decision: Decision;
  /** A placement in the markup was rendered. */
  render: Rendering;
  /** A message was queued. */
  event: Message;
}

/** The SDK: `window.edgewise`, or `import { edgewise } from "edgewise"`. */
export interface Edgewise extends EdgewiseApi {
  /** Calls a method by its name: `edgewise("track", "Signed Up")`. */
  <Name extends keyof EdgewiseApi>(method: Name, ...args: Parameters<EdgewiseApi[Name]>): ReturnType<EdgewiseApi[Name]>;
}

/** The methods of {@link Edgewise}. */
export interface EdgewiseApi {
  /** Starts the SDK. Later calls change the options. */
  init(options: Partial<Options>): void;
  /**
   * Decides a placement. The promise resolves in time and never rejects.
   *
   * All calls in one turn of the event loop, and all placements in the markup, share one request.
   */
  decide(placement: string, options?: DecideOptions): Promise<Decision>;
  /** Shows a decision in an element as its markup describes, even if it was seen. Reports impression and click. */
  render(element: HTMLElement, decision: Decision): Rendered;
  /** Reports an event. With `decisionId` among the properties, it is an outcome of that decision. */
  track(event: string, properties?: Properties): void;
  /** Reports a page view. Unless `manual` is set, the SDK calls it on load, navigation, and return to the page. */
  page(properties?: Properties): void;
  /** Sets the visitor's user id, with its proof. Null logs out: what follows belongs to a new visitor. */
  identify(userId: string | null, traits?: Properties, options?: IdentifyOptions): void;
  /** Reports the reward of a decision. */
  reward(decisionId: string, value: number, slot?: number): void;
  /** Sets the visitor's consent. "denied" removes everything that is stored. */
  consent(state: ConsentState): void;
  /** Adds a handler, and returns a function that removes it. */
  on<Name extends keyof Events>(event: Name, handler: (detail: Events[Name]) => void): () => void;
}

declare global {
  interface Window {
    /** Set by the tag. Pages that import the SDK set it for the debugger. */
    edgewise: Edgewise;
  }
}
