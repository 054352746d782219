// The demo's toolbar. It shows this page's decision and the scoreboard, and can play one visitor after the other.
const bar = document.querySelector(".demo");
// A bar that the browser paints in parts would move.
bar.hidden = false;
const find = (selector) => bar.querySelector(selector);
const POLL_EVERY = 1000;
const WATCH_EVERY = 3500;
const percent = (share) => `${Math.round(100 * share)}%`;

function made(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

// --- This page's decision.
const PLACEMENTS = { "home-hero": "banner", "cart-nudge": "nudge" };
const GROUPS = {
  control: "control group",
  fallback: "no answer in time",
  pinned: "pinned by a rule",
  preview: "a preview",
};
shown.then(({ decision: { placement, action, propensity, group, source }, rendered }) => {
  const isShown = action && /swapped|default/.test(rendered);
  const why = !isShown && group == "policy" ? "the answer came late" : source == "cache" ? "from the last visit" : GROUPS[group ?? source] ?? group;
  find(".demo-note").hidden = group != "control";
  const how = isShown && group == "policy" && source == "policy" ? `drawn with ${percent(propensity)}` : why;
  find(".demo-shown").replaceChildren(
    made("small", "", `${PLACEMENTS[placement] ?? placement}, ${how}`),
    made("b", "", isShown ? action : "the default"),
  );
});

// --- The scoreboard.
const segments = new Map();

/** Add a bar of shares and its key to a column. Return a function that updates the shares. */
function addShares(column, title, names) {
  const parts = names.map((name) => made("div", `demo-${name}`));
  const keys = names.map((name) => made("li", `demo-${name}`, made("span")));
  column.append(made("div", "demo-part", title, made("div", "demo-shares", ...parts), made("ul", "demo-key", ...keys)));
  return (shares) =>
    names.forEach((name, i) => {
      parts[i].style.flexGrow = shares[name];
      keys[i].hidden = !Math.round(100 * shares[name]);
      keys[i].firstChild.textContent = `${name} ${percent(shares[name])}`;
    });
}

function addColumn({ name, hero, row, nudge }) {
  const actions = new Map();
  const column = made("section", "", made("h3", "", name));
  for (const action of Object.keys(hero)) {
    const image = made("img");
    image.src = `/img/hero-${action}.svg`;
    image.alt = "";
    image.onerror = () => image.removeAttribute("src"); // An action that was added to the policy.
    const fill = made("div");
    const figure = made("b", "", "");
    const row = made("div", "demo-action", image, made("span", "", action), figure, made("div", "demo-track", fill));
    actions.set(action, { row, fill, figure });
    column.append(row);
  }
  const showRow = addShares(column, "Row: the products' categories", Object.keys(row));
  const showNudge = addShares(column, "Cart: the nudge beside the basket", Object.keys(nudge));
  find(".demo-segments").append(column);
  return { actions, showRow, showNudge };
}

function show(board) {
  find("[data-demo=visitors]").textContent = board.visitors.toLocaleString("en");
  find("[data-demo=model]").textContent = board.model || "–";
  const { lift } = board;
  const signed = (value) => `${value < 0 ? "−" : "+"}${percent(Math.abs(value))}`;
  find("[data-demo=lift]").textContent = lift ? `${signed(lift.value)} (95%: ${signed(lift.low)} to ${signed(lift.high)})` : "not known yet";
  for (const segment of board.segments) {
    const known = segments.get(segment.name);
    if (!known || known.actions.size != Object.keys(segment.hero).length) {
      find(".demo-segments").replaceChildren();
      segments.clear();
      board.segments.forEach((each) => segments.set(each.name, addColumn(each)));
    }
    const { actions, showRow, showNudge } = segments.get(segment.name);
    const most = Math.max(...Object.values(segment.hero));
    for (const [action, share] of Object.entries(segment.hero)) {
      const { row, fill, figure } = actions.get(action);
      row.toggleAttribute("data-most", share == most && share > 0.4);
      fill.style.transform = `scaleX(${share})`;
      figure.textContent = percent(share);
    }
    showRow(segment.row);
    showNudge(segment.nudge);
  }
}

async function poll() {
  try {
    show(await (await fetch("/demo/board")).json());
  } catch {
    // The demo has ended, or the browser is leaving this page.
  }
}
const pollVisible = () => document.visibilityState == "visible" && poll();
pollVisible();
setInterval(pollVisible, POLL_EVERY);

// --- The scoreboard opens and closes. Its state is kept across pages.
const state = sessionStorage;
const boardButton = find("button[data-demo=board]");
function open(isOpen) {
  find(".demo-board").hidden = !isOpen;
  boardButton.setAttribute("aria-expanded", isOpen);
  state.setItem("demo-board", isOpen ? "open" : "");
}
boardButton.addEventListener("click", () => open(find(".demo-board").hidden));
open(state.getItem("demo-board") == "open");

// --- Watching: plays a new visitor of each segment in turn, on the home page and then in the cart.
const watchButton = find("[data-demo=watch]");
let timer;
function watch(isWatching) {
  clearTimeout(timer);
  watchButton.setAttribute("aria-pressed", isWatching);
  state.setItem("demo-watch", isWatching ? "yes" : "");
  if (isWatching) timer = setTimeout(location.pathname == "/" ? () => location.assign("/cart") : next, WATCH_EVERY);
}
function next() {
  const personas = [...bar.querySelectorAll(".demo-persona")].slice(1);
  const current = personas.findIndex((persona) => persona.getAttribute("aria-current"));
  location.assign(personas[(current + 1) % personas.length].href);
}
watchButton.addEventListener("click", () => {
  const isWatching = watchButton.getAttribute("aria-pressed") == "true";
  watch(!isWatching);
  if (!isWatching) next();
});
watch(state.getItem("demo-watch") == "yes");
