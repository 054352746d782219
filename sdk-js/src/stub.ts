// For the page's head, as it is built (docs/sdk.md): keeps calls until the script comes, and hides what is undecided, while
// an animation runs. It is code for its size: every call gives a promise that falls back, though only `decide` needs one.
type Call = [args: unknown[], settle: (value: unknown) => void];

// A block keeps the names to itself in fewer bytes than a function.
{
  const calls: Call[] = [];
  let sheet: CSSStyleSheet;

  // @ts-ignore: in a script that is not strict, this makes a property of the window.
  edgewise = new Proxy(
    (...args: any[]) =>
      new Promise((settle) =>
        setTimeout(settle, args[2]?.timeout || 200, { payload: {}, source: "fallback" }, calls.push([args, settle])),
      ),
    { get: (call, name) => (name == "q" ? calls : call.bind(0, name)) },
  );

  // After what the page's own scripts need: older browsers stop here.
  (sheet = new CSSStyleSheet()).replaceSync(
    "@keyframes ew{0%,to{visibility:hidden}}[data-edgewise]:not([data-e]){animation:ew.2s!important}",
  );
  document.adoptedStyleSheets = [sheet];
}
