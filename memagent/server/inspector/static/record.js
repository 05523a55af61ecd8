// One record: its text, versions, where it comes from, and what came of it.
import { get, post, record as fetchRecord } from "./api.js";
import { badge, button, el, passage, plural, say, when, words } from "./dom.js";
import { edit, forget } from "./changing.js";
import { go, route, to } from "./router.js";
import { flags, summary } from "./timeline.js";

function section(title, ...content) {
  return el("section", {}, el("h2", {}, title), content);
}

function items(records) {
  return el("ul", { class: "items" }, records.map((one) => el("li", { class: "item" }, summary(one))));
}

function facts(record) {
  const metadata = Object.entries(record.metadata ?? {});
  const rows = [
    ["Holds from", when(record.valid_from, true)],
    ["Holds until", record.valid_to && when(record.valid_to, true)],
    ["Written", when(record.created, true)],
    ["Said again", record.affirmed && when(record.affirmed, true)],
    ["User", words(record.scope.user)],
    ["Agent", record.scope.agent && words(record.scope.agent)],
    ["Session", record.scope.session && el("a", { href: to("timeline", "", { session: record.scope.session }) }, words(record.scope.session))],
    ["Found by", record.keys.length === 1 && record.keys[0] === record.text ? "its own text" : el("span", {}, record.keys.slice(0, 20).map((key) => el("span", { class: "key" }, words(key))))],
    ["Asserts", record.evidence ? "a fact" : "nothing (a question, or an answer)"],
    ["Id", el("code", {}, words(record.id))],
    ...metadata.map(([name, value]) => [words(name, 60), words(typeof value === "string" ? value : JSON.stringify(value), 1000)]),
  ];
  return el("dl", { class: "about" }, rows.filter(([, value]) => value).map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

export async function record({ signal, again }) {
  const { id } = route();
  const [{ record: current, tag }, why] = await Promise.all([
    fetchRecord(id, signal),
    get(`/v1/records/${encodeURIComponent(id)}/why`, {}, signal),
  ]);
  const mark = async (verb, told) => {
    await post(`/v1/${verb}`, { ids: [id] });
    say(told);
    again();
  };
  const actions = {
    e: () => edit(current, tag),
    p: () => (current.pinned ? mark("unpin", "The pin is off.") : mark("pin", "Pinned: it is never archived.")),
    a: () => (current.archived ? mark("restore", "Restored: searches find it again.") : mark("archive", "Archived: kept, and not searched.")),
    f: async () => {
      if (await forget(id)) go(to("timeline"));
    },
  };
  const bar = el("div", { class: "actions", role: "group", "aria-label": "Actions" },
    !current.superseded && button("Edit", actions.e, { "data-key": "edit" }),
    button(current.pinned ? "Unpin" : "Pin", actions.p, { "data-key": "pin" }),
    button(current.archived ? "Restore" : "Archive", actions.a, { "data-key": "archive" }),
    button("Forget…", actions.f, { class: "danger", "data-key": "forget" }));
  const newest = why.versions.at(-1);
  return {
    title: "Record",
    actions,
    nodes: [
      el("div", { class: "spread" }, el("p", { class: "badges" }, badge(current.kind, `kind-${current.kind}`), flags(current)), bar),
      current.superseded && newest.id !== id && el("p", { class: "note" }, "This is an older version. ", el("a", { href: to("record", newest.id) }, "Open the newest")),
      passage(current.text),
      el("div", { class: "columns" },
        el("div", {},
          section("What came of it",
            el("p", { class: "badges" }, badge(`shown ${plural(current.recalled, "time")}`), badge(`helped ${current.helped}`, current.helped ? "good" : ""), badge(`hurt ${current.hurt}`, current.hurt ? "bad" : "")),
            why.derived.length ? [el("h3", {}, "Made from it"), items(why.derived)] : el("p", { class: "dim" }, "Nothing was made from it.")),
          why.sources.length > 0 && section("Made from", items(why.sources)),
          why.versions.length > 1 && section(plural(why.versions.length, "version"),
            el("ol", { class: "items" }, why.versions.map((version) => el("li", { class: "item", "aria-current": version.id === id ? "true" : null }, summary(version))))),
          section("History",
            el("ol", { class: "history" }, why.events.map((event) => el("li", {}, when(event.at), " ", el("strong", {}, event.action), event.who && [" by ", words(event.who, 80)], event.why && [": ", words(event.why, 400)]))))),
        section("About it", facts(current))),
    ].filter(Boolean),
  };
}
