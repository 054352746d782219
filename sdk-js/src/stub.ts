// The stub for the page's head. The built stub is in docs/reference/sdk.md.
//
// It keeps calls until the script has loaded. It hides placements until they are decided, for as long as its animation
// runs. Written for size: every call returns a promise that falls back after its timeout. Only `decide` needs one.
type Call = [args: unknown[], settle: (value: unknown) => void];

// Without a declaration, the assignment makes it a property of the window. The built script is not strict.
declare let edgewise: unknown;

// The page may have the stub twice: then the first one keeps its calls. An element with the id `edgewise` does not count.
// The block hides the names from the page.
if (typeof edgewise !== "function") {
  const calls: Call[] = [];

  edgewise = new Proxy(
    // biome-ignore lint/suspicious/noExplicitAny: the arguments of any method.
    (...args: any[]) =>
      new Promise((settle) =>
        setTimeout(settle, args[2]?.timeout || 1000, { payload: {}, source: "fallback" }, calls.push([args, settle])),
      ),
    // Not `bind`, since old libraries of the page replace it.
    // biome-ignore lint/suspicious/noDoubleEquals: written for size.
    { get: (call, name) => (name == "q" ? calls : (...args: unknown[]) => call(name, ...args)) },
  );

  // Last, because older browsers throw here: the calls that the page makes work nevertheless.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(
    // A page that was painted already would flicker and move. `align-content` makes blocks contain their margins. It
    // changes nothing else, also not in flex and grid containers.
    (performance.getEntriesByType("paint")[0]
      ? ""
      : "@keyframes ew{0%,to{visibility:hidden}}[data-edgewise]:not([data-e]){animation:ew 1s!important}:where([data-edgewise]:not(td,th,button)){align-content:stretch}") +
      // The SDK sets this `min-width` on a placement whose new content does not fit. Without its outer margins, it may.
      '[data-edgewise][style*="th: min("]>:first-child,[data-edgewise][style*="th: min("]>:first-child>:first-child{margin-top:0}[data-edgewise][style*="th: min("]>:has(+template),[data-edgewise][style*="th: min("]>:has(+template)>:last-child{margin-bottom:0}',
  );
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}
