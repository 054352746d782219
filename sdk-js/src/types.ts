/** What a visitor has said about being remembered. Saying nothing is the absence of a state: then the site's `consent` on the server decides. */
export type ConsentState = "granted" | "pending" | "denied";

/** What JSON can hold. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** Properties of an event, or traits of a user. */
export type Properties = { [key: string]: Json | undefined };

/** What the page knows at the moment of asking, beside what the SDK finds out by itself (address, referrer, language, time zone). */
export interface Context {
  page?: { url?: string; path?: string; type?: string | undefined; referrer?: string };
  device?: { type?: string };
  locale?: string;
  timezone?: string;
  /** Anything else, for conditions and the model. It is not sent without consent, since it may speak of the visitor. */
  data?: { [key: string]: Json };
}

/** How the SDK is started; the script tag has the same as `data-…` attributes. */
export interface Options {
  /** The site's publishable key (`write_key` in `site.toml`). */
  writeKey: string;
  /** The server's origin. Default: the origin of the script; for npm users, of the page. */
  endpoint?: string;
  /** How long a decision may take, in milliseconds, before the default content stays. Default: 200. */
  budget?: number;
  /** What is known of consent when the page starts. */
  consent?: ConsentState;
  /** What kind of page it is; the same as `context.page.type`. */
  pageType?: string | undefined;
  /** Goes with every decide call of this page. */
  context?: Context;
  /** No page views by itself: the site calls {@link Edgewise.page}. */
  manual?: boolean;
  /** Sees each message before it is queued; may change it, or drop it by returning null. */
  beforeSend?: (message: Message) => Message | null | Promise<Message | null>;
  /** A preview token: shown is what it says, and nothing is logged. */
  preview?: string;
}

/** How one decision is asked for. */
export interface DecideOptions {
  /** Milliseconds until the promise is resolved at the latest. Default: the budget. */
  timeout?: number;
  /** How many actions a row shows. */
  slots?: number | undefined;
  /** Ids of actions that are not wanted, such as the product on whose page the row stands. */
  exclude?: string[] | undefined;
  /** More about the page: it goes before what was said so far, part by part, from now on. */
  context?: Context;
  /** Show this action; heeded only with a preview token. */
  action?: string;
}

/** What to show in one spot. `action` is null where there is nothing to show but the default content. */
export interface Slot {
  action: string | null;
  payload: { [key: string]: Json };
  /** The probability with which the action was chosen. */
  propensity?: number | null;
}

/** What to show in a placement: the server's words, and where it came from. */
export interface Decision extends Slot {
  placement: string;
  /** What {@link Edgewise.reward} names. Null where nothing can be learned: fallbacks, previews, robots. */
  decisionId?: string | null;
  /** Absent where nobody has answered. */
  group?: "policy" | "control" | "pinned" | "fallback" | "preview" | "none";
  policyVersion?: string | null;
  modelVersion?: number | null;
  /** When it was made, in milliseconds since 1970; absent where nobody made it. */
  at?: number;
  /** In a row, one for each of its spots. */
  slots?: Slot[];
  /** The server in time; a former answer, as the server could not be reached in time; or nobody: show your default. */
  source: "policy" | "cache" | "fallback";
  /** With a debug token: how the decision was made. */
  debug?: { [key: string]: Json };
}

/**
 * What became of a placement in the markup:
 * `swapped`: it shows its action; `default`: its default content is the action, or there is none;
 * `seen`: the default had been seen, and stays; `moved`: the action would have moved what is around it, so the default stays.
 */
export type Rendered = "swapped" | "default" | "seen" | "moved";

/** A placement in the markup that has been dealt with. */
export interface Rendering {
  element: HTMLElement;
  decision: Decision;
  rendered: Rendered;
}

/** What is told to the server, in the shape of Segment's HTTP Tracking API. */
export interface Message {
  type: "track" | "page" | "identify";
  messageId: string;
  timestamp: string;
  anonymousId?: string | undefined;
  userId?: string | undefined;
  event?: string;
  properties?: Properties;
  traits?: Properties | undefined;
  context?: object | undefined;
}

/** What can be listened for. */
export interface Events {
  /** A decision was made, by the markup or by code. */
  decision: Decision;
  /** A placement of the markup has been dealt with. */
  render: Rendering;
  /** A message was queued. */
  event: Message;
}

/** The SDK, as `window.edgewise` and as what `import { edgewise } from "edgewise"` gives. */
export interface Edgewise {
  /** The same by name: `edgewise("track", "Signed Up")`. */
  <Name extends keyof EdgewiseApi>(method: Name, ...args: Parameters<EdgewiseApi[Name]>): ReturnType<EdgewiseApi[Name]>;
}

/** The methods of {@link Edgewise}. */
export interface EdgewiseApi {
  /** Starts the SDK, once. Later calls change the options. */
  init(options: Partial<Options>): void;
  /**
   * What to show in a placement. Always resolves in time, never rejects. All that are asked for in one turn of the event
   * loop, and the placements in the markup, go in one request.
   */
  decide(placement: string, options?: DecideOptions): Promise<Decision>;
  /** Shows a decision in an element, as its markup says; whether seen or not. Impressions and clicks are reported. */
  render(element: HTMLElement, decision: Decision): Rendered;
  /** Something happened. With `decisionId` among the properties, it is what followed that decision. */
  track(event: string, properties?: Properties): void;
  /** A page was viewed. Called by itself at the start, on navigation in the page, and on the way back, unless `manual`. */
  page(properties?: Properties): void;
  /** The visitor is this user, from now on. Null: they have logged out; what follows is another visitor's. */
  identify(userId: string | null, traits?: Properties): void;
  /** What a decision was worth. */
  reward(decisionId: string, value: number, slot?: number): void;
  /** The visitor has answered: from now on this holds. Denied removes all that is stored. */
  consent(state: ConsentState): void;
  /** Calls the handler from now on; the function returned ends it. */
  on<Name extends keyof Events>(event: Name, handler: (detail: Events[Name]) => void): () => void;
}

export interface Edgewise extends EdgewiseApi {}

declare global {
  interface Window {
    /** Set by the tag, or by the page that imports the SDK: the debugger looks for it there. */
    edgewise: Edgewise;
  }
}
