import assert from "node:assert/strict";
import { after, afterEach, before, suite, test } from "node:test";
import { build } from "esbuild";
import { fixed } from "./policies.js";
import { Stage } from "./stage.js";

const stage = new Stage({ "hero.toml": fixed("hero", { headline: "Save 10%", value: 0.1 }) });

/** An application that imports the SDK from npm. */
const APP = `
  import { OpenFeature } from "@openfeature/web-sdk";
  import { edgewise } from "./src/index.js";
  import { edgewiseProvider } from "./src/openfeature.js";

  edgewise.init({ writeKey: "default", endpoint: "EDGE", budget: 20000 });
  OpenFeature.setProviderAndWait(edgewiseProvider(edgewise, ["hero"])).then(() => {
    const flags = OpenFeature.getClient();
    document.querySelector("h1").textContent = flags.getObjectValue("hero", { headline: "Welcome" }).headline;
    document.querySelector("p").textContent = flags.getNumberValue("hero", 0);
    document.querySelector("button").onclick = () => {
      flags.track("hero", { value: 0.5 });
      flags.track("Signed Up", { plan: "pro" });
    };
  });`;

async function bundled(): Promise<string> {
  const contents = APP.replace("EDGE", stage.proxy.url);
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: process.cwd() },
    bundle: true,
    write: false,
    format: "iife",
    tsconfigRaw: {},
  });
  // For an inline script.
  return (outputFiles[0]?.text ?? "").replaceAll("</script", "<\\/script");
}

suite("the OpenFeature provider in an application", () => {
  before(() => stage.open());
  after(() => stage.close());
  afterEach(() => stage.clear());

  test("evaluates placements, reports impressions, and rewards tracked flags", async () => {
    const script = `addEventListener("DOMContentLoaded", () => { ${await bundled()} })`;
    const visit = await stage.visit({ tag: "none", script, body: "<h1>Welcome</h1><p></p><button>Sign up</button>" });
    await visit.tab.getByText("Save 10%").waitFor();
    assert.equal(await visit.text("p"), "0.1");
    await visit.tab.click("button");
    const [impression, ...more] = await stage.proxy.waitFor("$impression");
    const [reward] = await stage.proxy.waitFor("$reward");
    const [event] = await stage.proxy.waitFor("Signed Up");
    assert.deepEqual(more, [], "several evaluations report one impression");
    const decisionId = impression?.properties?.decisionId;
    assert.ok(decisionId);
    assert.equal(impression?.properties?.action, "deal");
    assert.deepEqual([reward?.properties?.decisionId, reward?.properties?.value], [decisionId, 0.5]);
    assert.deepEqual([event?.properties?.plan, event?.properties?.decisionId], ["pro", undefined]);
    assert.deepEqual(visit.visitor.errors, []);
    await visit.tab.close();
  });
});
