// The stub for the page's head. The built stub is in docs/reference/sdk.md.
//
// It keeps calls until the script has loaded. It hides placements until they are decided, for as long as its animation
// runs. Written for size: every call returns a promise that falls back after its timeout. Only `decide` needs one.
type Call = [args: unknown[], settle: (value: unknown) => void];

// A block hides the names from the page, and is shorter than a function.
{
  const calls: Call[] = [];
  let sheet: CSSStyleSheet;

  // @ts-expect-error: not declared, so that it becomes a property of the window. The built script is not strict.
  edgewise = new Proxy(
    // biome-ignore lint/suspicious/noExplicitAny: the arguments of any method.
    (...args: any[]) =>
      new Promise((settle) =>
        setTimeout(settle, args[2]?.timeout || 200, { payload: {}, source: "fallback" }, calls.push([args, settle])),
      ),
    // biome-ignore lint/suspicious/noDoubleEquals: written for size.
    { get: (call, name) => (name == "q" ? calls : call.bind(0, name)) },
  );

  // Last, because older browsers throw here: the calls that the page makes work nevertheless.
  // biome-ignore lint/suspicious/noAssignInExpressions: a separate statement would be longer.
  (sheet = new CSSStyleSheet()).replaceSync(
    "@keyframes ew{0%,to{visibility:hidden}}[data-edgewise]:not([data-e]){animation:ew.2s!important}",
  );
  document.adoptedStyleSheets = [sheet];
}
