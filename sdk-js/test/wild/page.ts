import type { Decision } from "../../src/types.js";
import type { Message } from "../browser/proxy.js";
import type { File } from "../browser/site.js";
import type { Library } from "./libraries.js";

/** What a page of this folder can do and see, in Chromium and in Firefox. */
export interface Visit {
  /** Runs a function in the page. */
  run<Result>(read: () => Result | Promise<Result>): Promise<Result>;
  /** Clicks an element with the mouse. */
  click(selector: string): Promise<void>;
  /** Waits until the function returns true in the page. */
  until(predicate: () => boolean): Promise<void>;
  /** The text of the first such element. */
  text(selector: string): Promise<string>;
  /** Waits for this many messages with an event or type. They are in order of arrival, each once. */
  received(name: string, count?: number): Promise<Message[]>;
  /** All messages with an event or type, once the server has everything that the page has reported so far. */
  all(name: string): Promise<Message[]>;
  /** The decisions of the loaded page, in order. */
  decisions(): Promise<Decision[]>;
  /** The placements of each decide request. */
  readonly asked: string[][];
}

/** A page as site owners build it, with a library in its head. */
export interface WildPage {
  /** The behaviour, as the name of a test. */
  readonly name: string;
  readonly libraries: Library[];
  /** `none`: a script of the page loads the tag. */
  readonly tag?: "none";
  readonly head?: string;
  readonly body: string;
  /** The bodies of further pages with the same head, by path. */
  readonly others?: Record<string, string>;
  readonly files?: Record<string, File>;
  /** Visits the page, and checks what it shows and reports. */
  readonly visit: (page: Visit) => Promise<void>;
}
