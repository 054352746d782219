import assert from "node:assert/strict";
import { before, suite, test } from "node:test";
import { Window } from "happy-dom";
import { apply, filling } from "../../src/edits.js";

let document: Document;

/** What is written for this markup and payload: element, attribute (none: its content) and value. */
const written = (html: string, payload: unknown): unknown[] => {
  const root = document.createElement("div");
  root.innerHTML = html;
  return filling(root, payload).map(([target, name, value]) => [target.tagName, name, value]);
};

suite("a payload", () => {
  before(() => {
    const window = new Window({ url: "https://shop.example/all" });
    document = window.document as unknown as Document;
    Object.assign(globalThis, { location: window.location });
  });

  test("fills texts and attributes, from as deep as the dots go", () => {
    assert.deepEqual(written(`<a data-edgewise-fill="text=a.b\n href=link  title=n">x</a>`, { a: { b: "deep" }, link: "/x", n: 5 }), [
      ["A", "", ["deep"]],
      ["A", "href", "/x"],
      ["A", "title", 5],
    ]);
    assert.deepEqual(written(`<p data-edgewise-fill="headline">x</p>`, { headline: "Hi" }), [["P", "", ["Hi"]]]);
  });

  test("leaves what it does not have, or has as something else than text and numbers", () => {
    for (const payload of [{}, null, { a: null }, { a: {} }, { a: [] }, { a: true }, undefined, 5, "text"]) {
      assert.deepEqual(written(`<p data-edgewise-fill="a">x</p>`, payload), []);
    }
    assert.deepEqual(written(`<p data-edgewise-fill="constructor text=__proto__.x">x</p>`, {}), []);
  });

  for (const [tag, attribute] of [["p", "href"], ["form", "action"], ["a", "src"], ["a", "onclick"], ["p", "style"], ["p", "innerHTML"], ["iframe", "src"], ["img", "srcset"], ["a", "target"]]) {
    test(`never writes ${attribute} of ${tag}`, () => {
      assert.deepEqual(written(`<${tag} data-edgewise-fill="${attribute}=a"></${tag}>`, { a: "/x" }), []);
    });
  }

  for (const tag of ["script", "style", "iframe", "object", "xmp", "noscript", "noembed", "noframes"]) {
    test(`never writes into ${tag}`, () => {
      const element = document.createElement(tag);
      element.setAttribute("data-edgewise-fill", "a");
      const root = document.createElement("div");
      root.append(element);
      assert.deepEqual(filling(root, { a: "x" }), []);
      assert.deepEqual(filling(element, { a: "x" }), [], "nor where it is the placement itself");
    });
  }

  for (const link of ["/x", "x", "?x", "#x", "//other.example/", "https://other.example", "mailto:a@b.example", "tel:+49", ""]) {
    test(`may lead to ${link || "the page itself"}`, () => {
      assert.equal(written(`<a data-edgewise-fill="href=a">x</a>`, { a: link }).length, 1);
    });
  }

  for (const link of ["javascript:x", " JavaScript:x", "java\nscript:x", "\u0001javascript:x", "data:text/html,x", "blob:x", "vbscript:x", "file:///x", "https://["]) {
    test(`never leads to ${JSON.stringify(link)}`, () => {
      assert.deepEqual(written(`<a data-edgewise-fill="href=a">x</a>`, { a: link }), []);
      assert.deepEqual(written(`<a data-edgewise-fill="HREF=a">x</a>`, { a: link }), []);
      assert.deepEqual(written(`<img data-edgewise-fill="src=a">`, { a: link }), []);
    });
  }

  test("can be taken back", () => {
    const root = document.createElement("div");
    root.innerHTML = `<a data-edgewise-fill="text=t href=h title=t" title="old">some <b>text</b></a>`;
    const { outerHTML } = root;
    const undo = apply(filling(root, { t: "new", h: "/x" }));
    assert.match(root.innerHTML, /href="\/x".*>new<|title="new"/);
    apply(undo);
    assert.equal(root.outerHTML, outerHTML);
  });
});
