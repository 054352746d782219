/** For a constructable stylesheet, which works under a strict Content Security Policy. */
export const STYLE = `
:host {
  all: initial; position: fixed; inset: 0; z-index: 2147483647; pointer-events: none; contain: strict;
  color-scheme: light dark;
  --ink: #1c1d22; --soft: #62656f; --line: #e4e5ea; --paper: #fff; --shade: #f5f6f8; --accent: #4f46e5; --bar: #e4e3fb;
  --policy: #4f46e5; --control: #57606a; --pinned: #b45309; --fallback: #c02626; --preview: #0a7f5a; --none: #57606a;
  font: 13px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; color: var(--ink);
}
@media (prefers-color-scheme: dark) { :host {
  --ink: #eceef2; --soft: #a2a7b3; --line: #33363f; --paper: #1b1d23; --shade: #25282f; --accent: #a5a0ff;
  --bar: #37365c;
  --policy: #a5a0ff; --control: #a2a7b3; --pinned: #f0b05a; --fallback: #ff8d85; --preview: #4fd3a5; --none: #a2a7b3;
} }
* { box-sizing: border-box; margin: 0; padding: 0; }
button { font: inherit; color: inherit; background: none; border: 0; cursor: pointer; text-align: start; }
ul { list-style: none; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.policy { --group: var(--policy); } .control { --group: var(--control); } .pinned { --group: var(--pinned); }
.fallback { --group: var(--fallback); } .preview { --group: var(--preview); } .none { --group: var(--none); }

.frame {
  position: absolute; top: 0; left: 0; border-radius: 3px; outline: 2px solid var(--group);
  outline-offset: 2px;
}
.frame.highlighted { outline-width: 3px; box-shadow: 0 0 0 9px color-mix(in srgb, var(--group) 26%, transparent); }
.label {
  position: absolute; left: -4px; bottom: calc(100% + 4px); max-width: 60vw; padding: 2px 8px;
  border-radius: 4px; pointer-events: auto;
  overflow: hidden; white-space: nowrap; text-overflow: ellipsis; font-size: 11px; line-height: 16px;
  color: var(--paper); background: var(--group);
}
.label b { margin-inline-end: 6px; font-weight: 650; }
.near-top .label { bottom: auto; top: 4px; left: 4px; }

.panel {
  position: absolute; right: 16px; bottom: 16px; width: min(372px, calc(100vw - 32px));
  max-height: min(620px, calc(100vh - 32px));
  display: flex; flex-direction: column; overflow: hidden; pointer-events: auto; background: var(--paper);
  border: 1px solid var(--line);
  border-radius: 14px; box-shadow: 0 1px 2px #0000001f, 0 12px 40px #00000033;
}
.panel.folded { width: auto; border-radius: 999px; }
.pill { display: flex; align-items: center; gap: 8px; padding: 9px 16px; font-weight: 600; border-radius: 999px; }
header {
  display: flex; align-items: center; gap: 8px; padding: 10px 10px 10px 14px;
  border-bottom: 1px solid var(--line);
}
h2 { font-size: 14px; font-weight: 650; }
.note { color: var(--soft); font-size: 12px; }
header .note { flex: 1; }
.icon { width: 28px; height: 28px; border-radius: 8px; text-align: center; font-size: 16px; color: var(--soft); }
.panel.left { right: auto; left: 16px; }
.icon:hover, .placement h3 button:hover { background: var(--shade); }
.mark { display: inline-flex; align-items: flex-end; gap: 2px; height: 14px; }
.mark i { width: 4px; height: 6px; border-radius: 1px; background: var(--soft); }
.mark i:nth-child(2) { height: 14px; background: var(--accent); }
.mark i:nth-child(3) { height: 9px; }
.body { overflow: auto; overscroll-behavior: contain; }
.problem {
  padding: 10px 14px; background: color-mix(in srgb, var(--fallback) 12%, transparent);
  color: var(--fallback);
}
.empty { padding: 14px; color: var(--soft); }

.placement + .placement { border-top: 1px solid var(--line); }
.placement h3 button {
  display: grid; grid-template-columns: 1fr auto; width: 100%; padding: 10px 14px; column-gap: 8px;
  font-weight: 400;
}
.placement h3 button:focus-visible { outline-offset: -2px; }
.name { font-weight: 600; overflow-wrap: anywhere; }
.shown { grid-column: 1; color: var(--soft); font-size: 12px; overflow-wrap: anywhere; }
.group {
  grid-column: 2; grid-row: 1 / 3; align-self: center; padding: 1px 8px; border-radius: 999px;
  font-size: 11px; font-weight: 600;
  color: var(--group); background: color-mix(in srgb, var(--group) 13%, transparent);
}
.details { padding: 0 14px 14px; display: grid; gap: 12px; }
dl { display: grid; grid-template-columns: auto 1fr; gap: 2px 14px; font-size: 12px; }
dt { color: var(--soft); }
dd { overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
h4 { margin-bottom: 4px; font-size: 12px; font-weight: 600; color: var(--soft); }
.actions li {
  position: relative; display: grid; grid-template-columns: 1fr auto auto; align-items: center;
  gap: 2px 10px; padding: 7px 0 8px;
}
.id { overflow-wrap: anywhere; font-weight: 550; }
.here {
  margin-inline-start: 6px; padding: 0 6px; border-radius: 999px; font-size: 11px; font-weight: 600;
  color: var(--group); background: color-mix(in srgb, var(--group) 13%, transparent);
}
.chance { color: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; text-align: end; }
.refused .id { color: var(--soft); font-weight: 400; }
.actions button, .back {
  padding: 3px 8px; border: 1px solid var(--line); border-radius: 7px; font-size: 12px; font-weight: 550;
  background: var(--paper);
}
.actions button { min-width: 72px; text-align: center; }
.actions button:hover, .back:hover { background: var(--shade); }
.actions button[aria-pressed="true"] { color: var(--paper); background: var(--preview); border-color: var(--preview); }
.bar {
  grid-column: 1 / -1; height: 3px; border-radius: 2px;
  background: linear-gradient(to right, var(--accent) calc(var(--share) * 100%), var(--bar) 0);
}
.expected { grid-column: 1 / -1; color: var(--soft); font-size: 11px; font-variant-numeric: tabular-nums; }
.refused .bar { background: var(--line); }
.previewing {
  display: flex; align-items: center; gap: 10px; padding: 6px 6px 6px 10px; border-radius: 9px;
  color: var(--preview); background: color-mix(in srgb, var(--preview) 11%, transparent);
}
.previewing span { flex: 1; overflow-wrap: anywhere; }
.back { flex: none; color: var(--ink); }
code {
  white-space: nowrap; padding: 1px 5px; border-radius: 4px;
  font: 12px ui-monospace, Menlo, Consolas, monospace; background: var(--shade); color: var(--ink);
}
.status { padding: 8px 14px; border-top: 1px solid var(--line); font-size: 12px; color: var(--soft); }
.status:empty { display: none; }
@media (max-width: 480px) {
  .panel, .panel.left { right: 8px; left: auto; bottom: 8px; width: calc(100vw - 16px); max-height: 55vh; }
  header .note { visibility: hidden; }
}
@media print { :host { display: none; } }
@media (forced-colors: active) { .frame, .panel { border: 1px solid; } .bar { forced-color-adjust: none; } }
`;
