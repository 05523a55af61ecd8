// The page: which view is shown, whose memory it is, and the keyboard.
import { get, Problem } from "./api.js";
import { chat } from "./chat.js";
import { askForUser, shortcuts } from "./dialogs.js";
import { button, el } from "./dom.js";
import { changes, health, profile } from "./learned.js";
import { record } from "./record.js";
import { go, route, to } from "./router.js";
import { recall, search } from "./search.js";
import { sessions, timeline } from "./timeline.js";

const VIEWS = { timeline, search, recall, chat, sessions, changes, profile, health, record };
const NAMES = { timeline: "Timeline", search: "Search", recall: "Recall", chat: "Chat", sessions: "Sessions", changes: "Changes", profile: "Profile", health: "Health" };
const main = document.getElementById("main");
const user = document.getElementById("user");
const focused = new Map(); // what had the focus in a view, by its address
let view = null;
let here = null; // address of the view that is shown
let running = null;
let greeted = false;

function drawNavigation(name) {
  const shown = name === "record" ? "timeline" : name;
  document.getElementById("nav").replaceChildren(...Object.entries(NAMES).map(([key, label]) =>
    el("a", { href: to(key), "aria-current": key === shown ? "page" : null }, label)));
  document.querySelector(".brand").href = to("timeline");
  document.querySelector("#nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function keep() {
  if (here === null) return;
  const key = document.activeElement?.dataset?.key;
  if (key) focused.set(here, key);
  if (view?.state) sessionStorage.setItem(`memagent.at${here}`, JSON.stringify(view.state()));
}

function settle(moved) {
  const key = focused.get(location.hash);
  const link = key && [...main.querySelectorAll("[data-key]")].find((node) => node.dataset.key === key);
  if (link) link.focus();
  else if (moved && !document.querySelector("dialog[open]")) main.querySelector("h1")?.focus();
}

async function show() {
  if (location.hash === "#main") return;
  const moved = here !== null;
  keep();
  running?.abort();
  view?.list?.close();
  running = new AbortController();
  const { signal } = running;
  const { name, query } = route();
  here = location.hash;
  view = null;
  user.value = query.user ?? "";
  document.getElementById("find-text").value = name === "search" ? (query.q ?? "") : "";
  drawNavigation(name);
  const heading = el("h1", { tabindex: "-1" }, NAMES[name] ?? "Record");
  const wait = setTimeout(() => main.replaceChildren(heading, el("p", { class: "dim", role: "status" }, "Loading…")), 150);
  try {
    if (!Object.hasOwn(VIEWS, name)) throw new Error("There is no such view.");
    const saved = JSON.parse(sessionStorage.getItem(`memagent.at${here}`) ?? "null");
    const made = await VIEWS[name]({ signal, saved, again: show });
    clearTimeout(wait);
    if (signal.aborted) return;
    view = made;
    heading.textContent = made.title;
    document.title = `${made.title} · memagent`;
    main.className = made.class ?? "";
    main.replaceChildren(heading, ...made.nodes);
    await made.ready?.();
    if (signal.aborted) return;
    settle(moved);
    if (!greeted) listUsers();
  } catch (problem) {
    clearTimeout(wait);
    if (signal.aborted || problem.name === "AbortError") return;
    main.className = "";
    main.replaceChildren(heading, el("div", { class: "empty", role: "alert" }, el("p", { class: "strong" }, problem.status === 404 ? "It is not here" : "That did not work"), el("p", {}, problem.message), button("Try again", show)));
    if (problem.status === 422 && !query.user && problem.message.includes("(`user`)")) chooseUser(problem.message);
  }
}

async function chooseUser(detail) {
  const name = await askForUser(detail);
  if (name) go(to(route().name, route().id, { user: name }));
}

async function listUsers() {
  greeted = true;
  const { names } = await get("/v1/users").catch(() => ({ names: [] }));
  document.getElementById("users").replaceChildren(...names.slice(0, 500).map((name) => el("option", { value: name })));
}

document.getElementById("whose").addEventListener("submit", (event) => {
  event.preventDefault();
  user.blur();
});
user.addEventListener("change", () => go(to("timeline", "", { user: user.value.trim() })));
document.getElementById("find").addEventListener("submit", (event) => {
  event.preventDefault();
  const q = document.getElementById("find-text").value;
  if (q.trim()) go(to("search", "", { q }));
});
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

const theme = document.getElementById("theme");
function drawTheme() {
  const name = document.documentElement.dataset.theme ?? "system";
  theme.textContent = { system: "◐", light: "☀", dark: "☾" }[name];
  theme.setAttribute("aria-label", `Colours: ${name}`);
  theme.title = `Colours: ${name}`;
}
theme.addEventListener("click", () => {
  const next = { undefined: "light", light: "dark", dark: undefined }[document.documentElement.dataset.theme];
  if (next) document.documentElement.dataset.theme = next;
  else delete document.documentElement.dataset.theme;
  localStorage.setItem("memagent.theme", next ?? "system");
  drawTheme();
});

const singleKeys = {
  on: () => localStorage.getItem("memagent.keys") !== "off",
  set: (on) => localStorage.setItem("memagent.keys", on ? "on" : "off"),
};
document.getElementById("help").addEventListener("click", () => shortcuts(singleKeys));

function move(step) {
  if (view?.list) return view.list.move(step);
  const rows = [...main.querySelectorAll("[data-row]")];
  const at = rows.indexOf(document.activeElement);
  rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + step))]?.focus();
}

const KEYS = {
  "/": () => document.getElementById("find-text").select(),
  "?": () => shortcuts(singleKeys),
  j: () => move(1),
  k: () => move(-1),
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
};
document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target.matches("input, textarea, select")) {
    if (event.key === "Escape" && event.target.id === "find-text") main.querySelector("h1")?.focus();
    return;
  }
  const arrow = event.key.startsWith("Arrow");
  if (arrow && !event.target.closest(".scroller, [data-row], .row")) return;
  if (!arrow && !singleKeys.on()) return;
  const act = KEYS[event.key] ?? view?.actions?.[event.key];
  if (!act) return;
  event.preventDefault();
  Promise.resolve(act()).catch(report);
});

function report(problem) {
  if (problem?.name === "AbortError") return;
  const status = document.getElementById("status");
  status.textContent = problem?.message ?? "That did not work.";
}
window.addEventListener("unhandledrejection", (event) => {
  report(event.reason);
  if (event.reason instanceof Problem) event.preventDefault(); // the server's own words: told, not a mistake
});
window.addEventListener("hashchange", show);
window.addEventListener("pagehide", keep);
drawTheme();
show();
