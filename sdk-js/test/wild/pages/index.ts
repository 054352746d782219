import type { WildPage } from "../page.js";
import * as copies from "./copies.js";
import * as htmx from "./htmx.js";
import * as images from "./images.js";
import * as loaders from "./loaders.js";
import * as react from "./react.js";
import * as shopify from "./shopify.js";
import * as turbo from "./turbo.js";
import * as vue from "./vue.js";

/** Every page that a module exports is visited. */
export const PAGES: WildPage[] = [copies, htmx, images, loaders, react, shopify, turbo, vue].flatMap(Object.values);
