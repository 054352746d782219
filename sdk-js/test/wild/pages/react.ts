import assert from "node:assert/strict";
import type { WildPage } from "../page.js";

/** Leaves the content of the placement to Edgewise. */
const PLACEMENT = `
  const html = { __html: "<a href='#deal' data-edgewise-fill='headline'>It is nothing</a>" };
  const Placement = ({ name }) => React.createElement("div", { "data-edgewise": name, dangerouslySetInnerHTML: html });
`;

export const again: WildPage = {
  name: "React: a component that renders or mounts six times shows the same, without a further decision",
  libraries: ["React"],
  body: `<main></main><script>${PLACEMENT}
    let draw;
    const App = () => {
      const [turn, set] = React.useState(0);
      draw = set;
      return React.createElement("section", { className: "turn-" + turn },
        React.createElement(Placement, { name: "drawn", key: turn > 6 ? turn : 0 }));
    };
    React.createRoot(document.querySelector("main")).render(
      React.createElement(React.StrictMode, null, React.createElement(App)));
  </script>`,
  async visit(page) {
    await page.until(() => /number/.test(document.querySelector("a")?.textContent ?? ""));
    const text = await page.text("a");
    for (let turn = 1; turn <= 12; turn++) {
      await page.run(() => (window as any).eval("draw((turn) => turn + 1)"));
      await page.run(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))));
      assert.equal(await page.text("a"), text, `after ${turn}`);
    }
    await page.click("a");
    const [click] = await page.received("$click");
    assert.equal(text, `It is ${click?.properties?.action}`);
    assert.deepEqual(page.asked, [["drawn"]]);
  },
};

export const owned: WildPage = {
  name: "React: a text that React writes over a decided one is not credited, and nothing throws",
  libraries: ["React"],
  body: `<main></main><script>
    let draw;
    const App = () => {
      const [text, set] = React.useState("Welcome");
      draw = set;
      return React.createElement("div", { "data-edgewise": "hero" },
        React.createElement("a", { href: "#deal", "data-edgewise-fill": "headline" }, text));
    };
    React.createRoot(document.querySelector("main")).render(React.createElement(App));
  </script>`,
  async visit(page) {
    await page.until(() => document.querySelector("a")?.textContent === "Students save 10%");
    await page.run(() => (window as any).eval("draw('Hello again')"));
    await page.until(() => document.querySelector("a")?.textContent === "Hello again");
    await page.click("a");
    assert.deepEqual(await page.all("$click"), []);
  },
};
