// The demo's bar: tells what this page shows and what was learned, and plays one visitor after the other.
const bar = document.querySelector(".demo");
const find = (selector) => bar.querySelector(selector);
const ASK_EVERY = 1000;
const WATCH_EVERY = 3500;
const percent = (share) => `${Math.round(100 * share)}%`;

function made(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

// --- What this page shows.
const PLACEMENTS = { "home-hero": "banner", "cart-nudge": "nudge" };
const GROUPS = {
  control: "control group",
  fallback: "no answer in time",
  pinned: "pinned by a rule",
  preview: "a preview",
};
shown.then(({ decision: { placement, action, propensity, group, source }, rendered }) => {
  const isShown = action && /swapped|default/.test(rendered);
  const why = !isShown && group == "policy" ? "the answer came late" : source == "cache" ? "from the last visit" : GROUPS[group] ?? group;
  find(".demo-note").hidden = group != "control";
  const how = isShown && group == "policy" && source == "policy" ? `drawn with ${percent(propensity)}` : why;
  find(".demo-shown").replaceChildren(
    made("small", "", `${PLACEMENTS[placement] ?? placement}, ${how}`),
    made("b", "", isShown ? action : "the default"),
  );
});

// --- What was learned.
const segments = new Map();

/** A bar of shares and its key, in a column; gives back what shows others. */
function sharesIn(column, title, names) {
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

function columnOf({ name, hero, row, nudge }) {
  const actions = new Map();
  const column = made("section", "", made("h3", "", name));
  for (const action of Object.keys(hero)) {
    const image = made("img");
    image.src = `/img/hero-${action}.svg`;
    image.alt = "";
    image.onerror = () => image.removeAttribute("src"); // An action that somebody added to the policy.
    const fill = made("div");
    const figure = made("b", "", "");
    const row = made("div", "demo-action", image, made("span", "", action), figure, made("div", "demo-track", fill));
    actions.set(action, { row, fill, figure });
    column.append(row);
  }
  const showRow = sharesIn(column, "Row: the products' shelves", Object.keys(row));
  const showNudge = sharesIn(column, "Cart: the nudge beside the basket", Object.keys(nudge));
  find(".demo-segments").append(column);
  return { actions, showRow, showNudge };
}

function show(board) {
  find("[data-demo=visitors]").textContent = board.visitors.toLocaleString("en");
  find("[data-demo=model]").textContent = board.model || "–";
  const { lift } = board;
  const signed = (value) => `${value < 0 ? "−" : "+"}${percent(Math.abs(value))}`;
  find("[data-demo=lift]").textContent = lift ? `${signed(lift.value)} (95%: ${signed(lift.low)} to ${signed(lift.high)})` : "too early to tell";
  for (const segment of board.segments) {
    const known = segments.get(segment.name);
    if (!known || known.actions.size != Object.keys(segment.hero).length) {
      find(".demo-segments").replaceChildren();
      segments.clear();
      board.segments.forEach((each) => segments.set(each.name, columnOf(each)));
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

async function ask() {
  try {
    show(await (await fetch("/demo/board")).json());
  } catch {
    // The demo has ended, or this page is on its way out.
  }
}
const askAgain = () => document.visibilityState == "visible" && ask();
askAgain();
setInterval(askAgain, ASK_EVERY);

// --- The board opens and closes; whether it is open outlasts the page.
const state = sessionStorage;
const boardButton = find("button[data-demo=board]");
function open(isOpen) {
  find(".demo-board").hidden = !isOpen;
  boardButton.setAttribute("aria-expanded", isOpen);
  state.setItem("demo-board", isOpen ? "open" : "");
}
boardButton.addEventListener("click", () => open(find(".demo-board").hidden));
open(state.getItem("demo-board") == "open");

// --- Watching: one newcomer after the other, of one segment after the other. Each looks into the basket, too.
const watchButton = find("[data-demo=watch]");
let timer;
function watch(isWatching) {
  clearTimeout(timer);
  watchButton.setAttribute("aria-pressed", isWatching);
  state.setItem("demo-watch", isWatching ? "yes" : "");
  if (isWatching) timer = setTimeout(location.pathname == "/" ? () => location.assign("/cart") : next, WATCH_EVERY);
}
function next() {
  const guises = [...bar.querySelectorAll(".demo-guise")].slice(1);
  const current = guises.findIndex((guise) => guise.getAttribute("aria-current"));
  location.assign(guises[(current + 1) % guises.length].href);
}
watchButton.addEventListener("click", () => {
  const isWatching = watchButton.getAttribute("aria-pressed") == "true";
  watch(!isWatching);
  if (!isWatching) next();
});
watch(state.getItem("demo-watch") == "yes");
