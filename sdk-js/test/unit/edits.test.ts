import assert from "node:assert/strict";
import { before, suite, test } from "node:test";
import { Window } from "happy-dom";
import { applyEdits, collectEdits } from "../../src/edits.js";

let document: Document;

/** The edits for this markup and payload: the tag, then the content, or an attribute and its value. */
const editsFor = (html: string, payload: unknown): unknown[] => {
  const root = document.createElement("div");
  root.innerHTML = html;
  return collectEdits(root, payload).map((edit) =>
    edit._attribute === undefined
      ? [edit._target.tagName, ...edit._value]
      : [edit._target.tagName, edit._attribute, edit._value],
  );
};

suite("edits", () => {
  before(() => {
    const window = new Window({ url: "https://shop.example/all" });
    document = window.document as unknown as Document;
    Object.assign(globalThis, { location: window.location });
  });

  test("take text and attributes from the payload, along a dotted path", () => {
    assert.deepEqual(
      editsFor(`<a data-edgewise-fill="text=a.b\n href=link  title=n">x</a>`, { a: { b: "deep" }, link: "/x", n: 5 }),
      [
        ["A", "deep"],
        ["A", "href", "/x"],
        ["A", "title", "5"],
      ],
    );
    assert.deepEqual(editsFor(`<p data-edgewise-fill="headline">x</p>`, { headline: "Hi" }), [["P", "Hi"]]);
  });

  test("skip values that are missing or neither text nor numbers", () => {
    for (const payload of [{}, null, { a: null }, { a: {} }, { a: [] }, { a: true }, undefined, 5, "text"]) {
      assert.deepEqual(editsFor(`<p data-edgewise-fill="a">x</p>`, payload), []);
    }
    assert.deepEqual(editsFor(`<p data-edgewise-fill="constructor text=__proto__.x">x</p>`, {}), []);
  });

  for (const [tag, attribute] of [
    ["p", "href"],
    ["form", "action"],
    ["a", "src"],
    ["a", "onclick"],
    ["p", "style"],
    ["p", "innerHTML"],
    ["iframe", "src"],
    ["img", "srcset"],
    ["a", "target"],
  ]) {
    test(`never write ${attribute} of ${tag}`, () => {
      assert.deepEqual(editsFor(`<${tag} data-edgewise-fill="${attribute}=a"></${tag}>`, { a: "/x" }), []);
    });
  }

  for (const tag of ["script", "style", "iframe", "object", "xmp", "noscript", "noembed", "noframes"]) {
    test(`never write into ${tag}`, () => {
      const element = document.createElement(tag);
      element.setAttribute("data-edgewise-fill", "a");
      const root = document.createElement("div");
      root.append(element);
      assert.deepEqual(collectEdits(root, { a: "x" }), []);
      assert.deepEqual(collectEdits(element, { a: "x" }), [], "the element is the placement itself");
    });
  }

  for (const link of [
    "/x",
    "x",
    "?x",
    "#x",
    "//other.example/",
    "https://other.example",
    "mailto:a@b.example",
    "tel:+49",
    "",
  ]) {
    test(`allow links to ${link || "the page itself"}`, () => {
      assert.equal(editsFor(`<a data-edgewise-fill="href=a">x</a>`, { a: link }).length, 1);
    });
  }

  for (const link of [
    "javascript:x",
    " JavaScript:x",
    "java\nscript:x",
    "\u0001javascript:x",
    "data:text/html,x",
    "blob:x",
    "vbscript:x",
    "file:///x",
    "https://[",
  ]) {
    test(`never allow links to ${JSON.stringify(link)}`, () => {
      assert.deepEqual(editsFor(`<a data-edgewise-fill="href=a">x</a>`, { a: link }), []);
      assert.deepEqual(editsFor(`<a data-edgewise-fill="HREF=a">x</a>`, { a: link }), []);
      assert.deepEqual(editsFor(`<img data-edgewise-fill="src=a">`, { a: link }), []);
    });
  }

  test("let an image's address win over those for other screens and of lazy loaders", () => {
    const root = document.createElement("div");
    root.innerHTML = `<picture><source srcset="wide.jpg 2x, small.jpg" media="(width > 1px)">
      <img data-edgewise-fill="src=a" src="old.jpg" srcset="old.jpg 2x" data-src="old.jpg" alt="old"></picture>`;
    applyEdits(collectEdits(root, { a: "/new, one.jpg" }));
    const attributes = [...root.querySelectorAll("source, img")].map((element) =>
      Object.fromEntries([...element.attributes].map(({ name, value }) => [name, value])),
    );
    const image = { "data-edgewise-fill": "src=a", src: "/new, one.jpg", alt: "old" };
    assert.deepEqual(attributes, [{ media: "(width > 1px)" }, image]);
  });

  test("can be undone", () => {
    const root = document.createElement("div");
    root.innerHTML = `<a data-edgewise-fill="text=t href=h title=t" title="old">some <b>text</b></a>
      <img data-edgewise-fill="src=h" src="/old" srcset="/old 2x">`;
    const { outerHTML } = root;
    const undo = applyEdits(collectEdits(root, { t: "new", h: "/x" }));
    assert.match(root.innerHTML, /href="\/x".*>new<|title="new"/);
    applyEdits(undo);
    assert.equal(root.outerHTML, outerHTML);
  });
});
