// Changes that feedback made, with undo; the profile; health and sizes.
import { get, post, send } from "./api.js";
import { alertBox, confirm } from "./dialogs.js";
import { badge, button, el, empty, field, plural, say, when, words } from "./dom.js";
import { to } from "./router.js";

export async function changes({ signal, again }) {
  const { changes: all } = await get("/v1/changes", { limit: 500 }, signal);
  const error = alertBox();
  const undo = async (change) => {
    if (!(await confirm("Undo this change?", "What it replaced will hold again, and the lesson will not be used.", "Undo it"))) return;
    try {
      await post(`/v1/changes/${encodeURIComponent(change.id)}/undo`, {});
      say("Undone: what it replaced holds again.");
      again();
    } catch (problem) {
      error.textContent = problem.message;
    }
  };
  const item = (change) => el("li", { class: "item" },
    el("div", { class: "spread" },
      el("p", { class: "badges" }, when(change.at), badge(change.feedback), change.undone && badge("undone", "dim"), change.who && el("span", { class: "dim" }, "by ", words(change.who, 80))),
      !change.undone && button("Undo", () => undo(change), { "data-key": change.id })),
    change.asked && el("p", { class: "dim" }, "Asked: ", words(change.asked, 300)),
    change.answered && el("p", { class: "dim" }, "Answered: ", words(change.answered, 300)),
    el("p", {}, words(change.said, 500)),
    el("p", { class: "links" }, el("a", { href: to("record", change.lesson), "data-row": true }, "What was learned"), change.superseded && el("a", { href: to("record", change.superseded) }, "What it replaced"),
      change.retired.length > 0 && el("span", { class: "dim" }, `${plural(change.retired.length, "record")} archived for it`)),
    change.because && el("p", { class: "dim" }, "Undone because: ", words(change.because, 300)));
  return { title: "Changes", nodes: [error, all.length ? el("ol", { class: "items" }, all.map(item)) : empty("Nothing was learned from feedback yet", "Corrections and verdicts in the chat stand here, and can be undone.")] };
}

export async function profile({ signal, again }) {
  const { lines } = await get("/v1/profile", {}, signal);
  const error = alertBox();
  const act = async (work, told) => {
    try {
      await work();
      say(told);
      again();
    } catch (problem) {
      error.textContent = problem.message;
    }
  };
  const text = el("input", { autocomplete: "off", required: true, maxlength: 2000 });
  const add = el("form", { class: "filters", onsubmit: (event) => { event.preventDefault(); if (text.value.trim()) act(() => post("/v1/profile", { text: text.value.trim() }), "Added to the profile."); } },
    field("A lasting fact or preference", text), button("Add", null, { type: "submit", class: "main" }),
    button("Look through new records", () => act(() => post("/v1/profile/update", {}), "Looked through what is new.")));
  const item = (line) => {
    const path = `/v1/profile/${encodeURIComponent(line.id)}`;
    const input = el("input", { value: line.text, maxlength: 2000, required: true });
    const form = el("form", { class: "filters", onsubmit: (event) => { event.preventDefault(); act(() => send("PATCH", path, { body: { text: input.value } }), "The line is changed."); } },
      field("Line", input), button("Save", null, { type: "submit", class: "main" }), button("Cancel", () => { form.hidden = true; editing.focus(); }));
    form.hidden = true;
    const editing = button("Edit", () => { form.hidden = false; input.focus(); });
    return el("li", { class: "item" },
      el("div", { class: "spread" }, el("p", {}, words(line.text, 2000), " ", line.pinned && badge("pinned", "good"), el("span", { class: "dim" }, line.by === "user" ? " in the user's own words" : "")),
        el("div", { class: "actions", role: "group", "aria-label": `Actions on ${line.text.slice(0, 40)}` }, editing, button("Remove", () => act(() => send("DELETE", path), "Removed; Changes can undo it.")))),
      form,
      line.sources.length > 0 && el("p", { class: "links" }, line.sources.slice(0, 10).map((source, index) => el("a", { href: to("record", source), "data-row": true }, `source ${index + 1}`))));
  };
  return { title: "Profile", nodes: [add, error, lines.length ? el("ul", { class: "items" }, lines.map(item)) : empty("No lines yet", "What the user says of lasting things stands here: it is shown with every question.")] };
}

const BYTES = /bytes|size/;

function size(name, value) {
  if (!BYTES.test(name) || value < 1024) return value.toLocaleString();
  const power = Math.min(4, Math.floor(Math.log2(value) / 10));
  return `${(value / 1024 ** power).toFixed(1)} ${["", "KiB", "MiB", "GiB", "TiB"][power]}`;
}

export async function health({ signal, again }) {
  const [ready, { stats }] = await Promise.all([send("GET", "/readyz", { signal }).then((response) => response.json()), get("/v1/stats", {}, signal)]);
  const state = (value) => badge(value, ["ready", "ok"].includes(value) ? "good" : ["loading", "not asked"].includes(value) ? "dim" : "bad");
  const facts = (pairs) => el("dl", { class: "about" }, pairs.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
  return {
    title: "Health and sizes",
    nodes: [button("Ask again", again, { "data-key": "again" }), el("div", { class: "columns" },
      el("section", {}, el("h2", {}, "Server"), facts(Object.entries(ready).map(([name, value]) => [name, state(value)]))),
      el("section", {}, el("h2", {}, "Store"), facts(Object.entries(stats).map(([name, value]) => [name.replaceAll("_", " "), el("span", { class: "number" }, size(name, value))]))))],
  };
}
