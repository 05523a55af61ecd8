// Timeline: all records, newest first, and filters. Sessions stand beside it.
import { get } from "./api.js";
import { badge, button, cut, el, empty, field, plural, when, words } from "./dom.js";
import { VirtualList } from "./list.js";
import { go, route, to } from "./router.js";

export const KINDS = ["episode", "note", "rationale", "lesson", "skill"];

export function flags(record) {
  return [
    record.pinned && badge("pinned", "good"),
    record.archived && badge("archived", "dim"),
    record.superseded && badge("older version", "dim"),
    record.helped > 0 && badge(`helped ${record.helped}`, "good"),
    record.hurt > 0 && badge(`hurt ${record.hurt}`, "bad"),
  ].filter(Boolean);
}

// A line about a record, which opens it.
export function summary(record, query = {}) {
  const role = typeof record.metadata?.role === "string" ? record.metadata.role : null;
  return el(
    "a",
    { href: to("record", record.id, query), class: "line", "data-key": record.id, "data-row": true },
    el("span", { class: "line-head" }, when(record.valid_from), badge(record.kind, `kind-${record.kind}`),
      role && el("span", { class: "dim" }, words(role, 40)),
      record.scope.session && el("span", { class: "dim session" }, words(record.scope.session, 60)), flags(record)),
    el("span", { class: "line-text" }, words(record.text, 300)),
  );
}

export function kindSelect(value) {
  const select = el("select", {}, el("option", { value: "" }, "all kinds"), KINDS.map((kind) => el("option", { value: kind }, kind)));
  select.value = KINDS.includes(value) ? value : "";
  return select;
}

export async function timeline({ signal, saved }) {
  const { query } = route();
  const session = el("input", { value: query.session ?? "", list: "sessions", autocomplete: "off", placeholder: "all sessions" });
  const sessions = el("datalist", { id: "sessions" });
  const kind = kindSelect(query.kind);
  const all = el("input", { type: "checkbox" });
  all.checked = query.everything === "1";
  const apply = () => go(to("timeline", "", { kind: kind.value, session: session.value.trim(), everything: all.checked ? "1" : "" }));
  for (const input of [kind, session, all]) input.addEventListener("change", apply);
  session.addEventListener("focus", async () => {
    const { names } = await get("/v1/sessions", {}, signal).catch(() => ({ names: [] }));
    sessions.replaceChildren(...names.slice(0, 500).map((name) => el("option", { value: name })));
  }, { once: true });

  const count = el("span", { class: "dim", role: "status" });
  const filter = { kind: query.kind, session: query.session, everything: query.everything ? "true" : "" };
  let total = null;
  const tell = (loaded) => (count.textContent = total === null ? "" : `${plural(total, "record")}${loaded < total ? `, ${loaded.toLocaleString()} loaded` : ""}`);
  const list = new VirtualList({
    label: "Records, newest first",
    row: (record) => summary(record),
    onchange: tell,
    load: async (cursor, limit) => {
      const page = await get("/v1/records", { ...filter, limit, cursor }, signal);
      return { items: page.records, next: page.next };
    },
  });
  const counted = get("/v1/count", filter, signal).then((value) => {
    total = value.count;
    tell(list.items.length);
  });
  counted.catch(() => {});
  const body = el("div", { class: "fill" }, list.node);
  const form = el("form", { class: "filters", onsubmit: (event) => { event.preventDefault(); apply(); } },
    field("Kind", kind), field("Session", session), sessions,
    el("label", { class: "check" }, all, "Older versions and archived, too"), count);
  return {
    title: query.session ? `Session ${cut(query.session, 60)}` : "Timeline",
    nodes: [form, body],
    list,
    class: "tall",
    state: () => ({ count: list.items.length, top: list.node.scrollTop }),
    ready: async () => {
      await list.start(saved?.count, saved?.top);
      if (!list.items.length) {
        const filtered = query.kind || query.session;
        body.replaceChildren(filtered
          ? empty("No record passes these filters", "Take one of them off.")
          : empty("Nothing is remembered yet", "Say something in the chat, or add a text with `memagent add`."));
      }
    },
  };
}

export async function sessions({ signal }) {
  const { query } = route();
  const start = el("input", { value: query.start ?? "", placeholder: "all", autocomplete: "off" });
  const { names } = await get("/v1/sessions", { start: query.start }, signal);
  const rows = names.slice(0, 2000).map((name) =>
    el("li", { class: "item spread" },
      el("a", { href: to("timeline", "", { session: name }), "data-key": name, "data-row": true }, words(name)),
      el("a", { href: to("chat", "", { session: name }), class: "dim" }, "chat", el("span", { class: "hidden" }, " in ", words(name, 60)))));
  const form = el("form", { class: "filters", onsubmit: (event) => { event.preventDefault(); go(to("sessions", "", { start: start.value.trim() })); } },
    field("Names that begin with", start), button("Show", null, { type: "submit" }), el("span", { class: "dim" }, plural(names.length, "session")));
  return {
    title: "Sessions",
    nodes: [form, names.length ? el("ul", { class: "items" }, rows) : empty("No session", "Conversations and imports have one; single records need none.")],
  };
}
