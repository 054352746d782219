// The stub for the page's head. The built stub is in docs/reference/sdk.md.
//
// It keeps calls until the script has loaded. It hides placements until they are decided, for as long as its animation
// runs. Written for size: every call returns a promise that falls back after its timeout. Only `decide` needs one.
type Call = [args: unknown[], settle: (value: unknown) => void];

// A block hides the names from the page, and is shorter than a function.
{
  const calls: Call[] = [];

  // @ts-expect-error: not declared, so that it becomes a property of the window. The built script is not strict.
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

  // Last, because older browsers throw here: the calls that the page makes work nevertheless. A page that was painted
  // already would flicker and move, so it gets no styles. `align-content` makes blocks contain their margins. It changes
  // nothing else, also not in flex and grid containers.
  if (!performance.getEntriesByType("paint")[0]) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(
      "@keyframes ew{0%,to{visibility:hidden}}[data-edgewise]:not([data-e]){animation:ew 1s!important}:where([data-edgewise]:not(td,th,button)){align-content:stretch}",
    );
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  }
}
