// Payloads may come from a marketer, an imported feed, or an attacker who controls the server.
import type { Interceptor } from "./proxy.js";

/** The code that the attacks try to run. */
export const RUN = "(window.pwned||[]).push(1)";
const HTML = [
  `<img src=x onerror="${RUN}">`,
  `<svg onload="${RUN}">`,
  `<svg><script>${RUN}</script></svg>`,
  `<svg><animate xlink:href="#a" attributeName="href" values="javascript:${RUN}"/></svg>`,
  `<svg><use href="data:image/svg+xml;base64,PHN2Zz48c2NyaXB0PnB3bmVkLnB1c2goMSk8L3NjcmlwdD48L3N2Zz4="/></svg>`,
  `<script>${RUN}</script>`,
  `</p></div></template><script>${RUN}</script>`,
  `<iframe srcdoc="<script>parent.pwned.push(1)</script>"></iframe>`,
  `<iframe src="javascript:parent.pwned.push(1)"></iframe>`,
  `<object data="javascript:${RUN}"></object><embed src="javascript:${RUN}">`,
  `<details open ontoggle="${RUN}">`,
  `<input autofocus onfocus="${RUN}">`,
  `<base href="javascript:/${RUN}//">`,
  `<math><mtext><table><mglyph><style><img src=x onerror="${RUN}">`,
  `<noscript><p title="</noscript><img src=x onerror=${RUN}>">`,
  `"><img src=x onerror="${RUN}">`,
  `' onmouseover='${RUN}' x='`,
  `" autofocus onfocus="${RUN}" x="`,
  `<!--><img src=x onerror="${RUN}">-->`,
  `<![CDATA[<img src=x onerror="${RUN}">]]>`,
  `\u003cimg src=x onerror=${RUN}\u003e`,
  `＜img src=x onerror=${RUN}＞`,
  `&lt;img src=x onerror=${RUN}&gt;`,
  `\${${RUN}}`,
  `{{constructor.constructor('${RUN}')()}}`,
];
const LINKS = [
  `javascript:${RUN}`,
  `JaVaScRiPt:${RUN}`,
  ` javascript:${RUN}`,
  `\u0001javascript:${RUN}`,
  `\u001f\u0008 javascript:${RUN}`,
  `\u00a0javascript:${RUN}`,
  `java\nscript:${RUN}`,
  `java\tscript:${RUN}`,
  `java\rscript:${RUN}`,
  `\njavascript\n:${RUN}`,
  `java\u0000script:${RUN}`,
  `javascript&colon;${RUN}`,
  `&#106;avascript:${RUN}`,
  `javascript:alert(1)//http://shop.example/`,
  `javascript://shop.example/%0a${RUN}`,
  `javascript:/*https://*/${RUN}`,
  `javascript:"<script>${RUN}</script>"`,
  `vbscript:MsgBox(1)`,
  `livescript:${RUN}`,
  `data:text/html,<script>opener.pwned.push(1)</script>`,
  `data:text/html;base64,PHNjcmlwdD5wd25lZC5wdXNoKDEpPC9zY3JpcHQ+`,
  `data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" onload="${RUN}"/>`,
  `DATA:text/html,x`,
  `blob:null/5b0ee6ad`,
  `filesystem:http://localhost/x`,
  `file:///etc/passwd`,
  `about:blank`,
  `view-source:http://localhost`,
  `intent://x#Intent;scheme=javascript;end`,
  `ｊavascript:${RUN}`,
  `jаvascript:${RUN}`,
  `http:\u0000//x`,
  `https://[`,
];
export const CORPUS = [...HTML, ...LINKS];

/** Elements with every fill that a page might ask for. */
const TARGETS = `
  <p data-edgewise-fill="text=value title=value alt=value aria-label=value width=value height=value">?</p>
  <a href="#safe" data-edgewise-fill="href=value onclick=value style=value ping=value target=value download=value">?</a>
  <a href="#safe" data-edgewise-fill="href=deep.value onmouseover=value xlink:href=value formaction=value">?</a>
  <map name="m"><area href="#safe" alt="?" data-edgewise-fill="href=value"></map>
  <img src="/safe.gif" alt="" data-edgewise-fill="src=value srcset=value onerror=value onload=value style=value">
  <video data-edgewise-fill="src=value poster=value">
    <source src="/safe.gif" data-edgewise-fill="src=value srcset=value"></video>
  <audio data-edgewise-fill="src=value"></audio>
  <iframe data-edgewise-fill="src=value srcdoc=value text=value"></iframe>
  <object data-edgewise-fill="data=value src=value text=value"></object>
  <embed data-edgewise-fill="src=value">
  <form action="#safe" data-edgewise-fill="action=value href=value">
    <button type="button" data-edgewise-fill="formaction=value text=value onclick=value">?</button>
    <input data-edgewise-fill="value=value onfocus=value src=value formaction=value"></form>
  <svg><a href="#safe" data-edgewise-fill="href=value xlink:href=value">
      <text data-edgewise-fill="text=value">?</text></a>
    <script type="text/plain" data-edgewise-fill="text=value href=value src=value"></script>
    <style nonce="bm9uY2U" data-edgewise-fill="text=value"></style>
    <use data-edgewise-fill="href=value xlink:href=value"></use>
    <animate data-edgewise-fill="values=value href=value"></animate>
    <image data-edgewise-fill="href=value src=value"></image><set data-edgewise-fill="to=value"></set></svg>
  <math><mi data-edgewise-fill="href=value text=value xlink:href=value">?</mi></math>
  <script type="text/plain" data-edgewise-fill="text=value src=value type=value"></script>
  <style nonce="bm9uY2U" data-edgewise-fill="text=value"></style>
  <link data-edgewise-fill="href=value rel=value"><base data-edgewise-fill="href=value">
  <meta data-edgewise-fill="content=value http-equiv=value">
  <noscript data-edgewise-fill="text=value"></noscript><template data-edgewise-fill="text=value"></template>
  <textarea data-edgewise-fill="text=value"></textarea><title data-edgewise-fill="text=value"></title>
  <x-custom data-edgewise-fill="text=value innerHTML=value outerHTML=value textContent=value href=value"></x-custom>`;

/** One placement for each attack. */
export const TARGETED = CORPUS.map((_, i) => `<div data-edgewise="p${i}">${TARGETS}</div>`).join("\n");

/** A server that answers with the attack of each placement. */
export const attacker: Interceptor = (exchange, response) => {
  const { placements } = JSON.parse(exchange.raw) as { placements: { id: string }[] };
  const decisions = placements.map(({ id }) => {
    const value = CORPUS[Number(id.slice(1))];
    const payload = JSON.stringify({
      value,
      deep: { value },
      innerHTML: value,
      onclick: value,
      srcdoc: value,
      style: value,
    });
    const pollution = `"__proto__": {"polluted": true, "text": 1}, "constructor": {"prototype": {"polluted": true}}`;
    const polluted = `{${pollution}, ${payload.slice(1)}`;
    const action = JSON.stringify(value);
    return `{"placement": "${id}", "decisionId": "d", "action": ${action}, "propensity": 1, "group": "policy",
      "policyVersion": "v", "modelVersion": 1, "payload": ${polluted}}`;
  });
  response.writeHead(200, { "content-type": "application/json", "access-control-allow-origin": "*" });
  response.end(`{"anonymousId": null, "__proto__": {"polluted": true}, "decisions": [${decisions.join()}]}`);
  return true;
};
