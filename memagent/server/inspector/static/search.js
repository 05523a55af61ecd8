// Search and recall: what is found, and the parts of each score.
import { post } from "./api.js";
import { badge, button, el, empty, field, plural, words } from "./dom.js";
import { go, route, to } from "./router.js";
import { kindSelect, summary } from "./timeline.js";

const MEANINGS = {
  cosine: "likeness to the question, as the embedder measures it",
  meaning: "likeness to the question by meaning: 0 unrelated, 1 related",
  words: "share of the question's words that it holds",
  window: "share of the words that it or its neighbours hold",
  bm25: "rare words in common",
  adds: "how much it says beyond the question",
  likeness: "likeness to the most relevant record",
  linked: "what the best record leads to",
  outdated: "likeness to a newer record that fits as well",
  recency: "how new it is among what was found",
  decay: "what its age takes off",
  reliability: "what feedback says of it",
  rerank: "a second model's judgement",
  context: "shown because another record needs it",
  taught: "a lesson from feedback",
};

export function bars(why) {
  const parts = Object.entries(why).sort(([, one], [, other]) => Math.abs(other) - Math.abs(one));
  const top = Math.max(1, ...parts.map(([, value]) => Math.abs(value)));
  return el("table", { class: "bars" },
    el("caption", { class: "hidden" }, "Parts of the score"),
    el("thead", { class: "hidden" }, el("tr", {}, el("th", { scope: "col" }, "Part"), el("th", { scope: "col" }, "Size"), el("th", { scope: "col" }, "Value"))),
    el("tbody", {}, parts.map(([name, value]) => {
      const bar = el("span", { class: value < 0 ? "bar minus" : "bar" });
      bar.style.width = `${(Math.abs(value) / top) * 100}%`;
      return el("tr", {}, el("th", { scope: "row", title: MEANINGS[name] ?? null }, name.replaceAll("_", " ")), el("td", { "aria-hidden": "true" }, bar), el("td", { class: "number" }, value.toFixed(3)));
    })));
}

function hit(found, number) {
  return el("li", { class: "item hit" },
    el("div", { class: "hit-main" }, summary(found.record), found.excerpt && el("p", { class: "excerpt" }, words(found.excerpt, 2000))),
    el("details", { open: number < 1 },
      el("summary", {}, "Score ", el("strong", {}, found.score.toFixed(3))),
      found.key && found.key !== found.record.text && el("p", { class: "dim" }, "Found by ", words(found.key, 200)),
      bars(found.why)));
}

export async function search({ signal }) {
  const { query } = route();
  const text = el("input", { type: "search", value: query.q ?? "", maxlength: 2000, autocomplete: "off", id: "search-text" });
  const kind = kindSelect(query.kind);
  const k = el("input", { type: "number", min: 1, max: 200, value: query.k ?? 10, class: "short" });
  const submit = (event) => {
    event?.preventDefault();
    go(to("search", "", { q: text.value, kind: kind.value, k: k.value === "10" ? "" : k.value, session: query.session }));
  };
  kind.addEventListener("change", () => text.value && submit());
  const form = el("form", { class: "filters", onsubmit: submit }, field("Words or a question", text), field("Kind", kind), field("At most", k), button("Search", null, { type: "submit", class: "main" }));
  if (!query.q) return { title: "Search", nodes: [form, empty("Search by meaning and by words", "Each hit shows how its score came about.")] };
  const body = { query: query.q, k: Number(query.k) || 10, explain: true };
  if (query.kind) body.kind = query.kind;
  const found = await post("/v1/search", body, { session: query.session }, signal);
  const told = [plural(found.hits.length, "hit"), `${plural(found.candidates, "candidate")} considered`,
    found.below_min_score > 0 && `${found.below_min_score} too far off`].filter(Boolean).join(", ");
  return {
    title: "Search",
    nodes: [form, el("p", { class: "dim", role: "status" }, told),
      found.hits.length ? el("ol", { class: "items" }, found.hits.map(hit)) : empty("Nothing found", "Other words, or all kinds, may find it.")],
  };
}

export async function recall({ signal }) {
  const { query } = route();
  const text = el("input", { type: "text", value: query.q ?? "", maxlength: 2000, autocomplete: "off" });
  const form = el("form", { class: "filters", onsubmit: (event) => { event.preventDefault(); go(to("recall", "", { q: text.value })); } },
    field("Question", text), button("Recall", null, { type: "submit", class: "main" }));
  if (!query.q) return { title: "What would be recalled", nodes: [form, empty("Ask a question", "You see what a model would be shown for it, and why. No model is asked.")] };
  const { recollection: found, texts } = await post("/v1/recall", { question: query.q }, {}, signal);
  const facts = [
    ["Relevance", found.relevance.toFixed(2)], ["Candidates", found.candidates.toLocaleString()],
    ["Too far off", found.below_min_score.toLocaleString()], ["No room for", found.left_out.toLocaleString()],
    ["Seconds", (found.embed_seconds + found.search_seconds).toFixed(3)],
  ];
  return {
    title: "What would be recalled",
    nodes: [form,
      el("dl", { class: "facts" }, facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
      found.queries.length > 1 && el("p", { class: "dim" }, "Searched: ", found.queries.map((one) => [words(one, 200), " · "])),
      el("section", {}, el("h2", {}, "What a model is shown"),
        texts.length ? el("ol", { class: "shown" }, texts.map((line) => el("li", {}, words(line, 4000)))) : empty("Nothing", "No record is near enough to this question.")),
      found.profile.length > 0 && el("section", {}, el("h2", {}, "From the profile"), el("ul", {}, found.profile.map((line) => el("li", {}, words(line.text, 1000), line.pinned && badge("pinned", "good"))))),
      found.hits.length > 0 && el("section", {}, el("h2", {}, "Why"), el("ol", { class: "items" }, [...found.hits].sort((one, other) => other.score - one.score).map(hit)))].filter(Boolean),
  };
}
