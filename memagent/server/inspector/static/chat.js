// Chat in a session: the reply as it comes, what was recalled for it, and feedback on it.
import { events, get, post, send } from "./api.js";
import { alertBox } from "./dialogs.js";
import { badge, button, el, empty, field, say, words, passage } from "./dom.js";
import { go, route, to } from "./router.js";

const DRAFT = "memagent.chat";
const PAST = 60;

function bubble(role, ...content) {
  return el("article", { class: `bubble ${role}`, "aria-label": role === "user" ? "You" : "Answer" }, content);
}

function recalled(ids, texts) {
  return el("details", { class: "recalled" }, el("summary", {}, ids.length ? `Recalled ${ids.length}` : "Recalled nothing"),
    el("ol", {}, texts.map((text, index) => el("li", {}, ids[index] && texts.length === ids.length ? el("a", { href: to("record", ids[index]) }, words(text, 300)) : words(text, 300)))));
}

function feedback(turn, query) {
  const told = el("span", { role: "status", class: "dim" });
  const error = alertBox();
  const give = async (more, text) => {
    error.textContent = "";
    try {
      const body = { question: turn.question, answer: turn.answer, shown: turn.shown, turn: turn.saved, ...more };
      const { lesson } = await post("/v1/feedback", body, query);
      told.replaceChildren(text, ...(lesson ? [" ", el("a", { href: to("record", lesson.id) }, "See the lesson")] : []));
    } catch (problem) {
      error.textContent = problem.message;
    }
  };
  const right = el("input", { autocomplete: "off", maxlength: 5000 });
  const form = el("form", { class: "filters", onsubmit: (event) => { event.preventDefault(); if (right.value.trim()) give({ correction: right.value.trim() }, "Learned."); } },
    field("What would have been right", right), button("Teach", null, { type: "submit" }));
  form.hidden = true;
  const correct = button("Correct…", () => {
    form.hidden = !form.hidden;
    correct.setAttribute("aria-expanded", String(!form.hidden));
    if (!form.hidden) right.focus();
  }, { "aria-expanded": "false" });
  return el("div", { class: "feedback" }, el("div", { class: "actions", role: "group", "aria-label": "Feedback" },
    button("Good", () => give({ verdict: "good" }, "Counted as good.")), button("Bad", () => give({ verdict: "bad" }, "Counted as bad.")), correct, told), error, form);
}

export async function chat({ signal }) {
  const { query } = route();
  if (!query.session) {
    const name = el("input", { autocomplete: "off", required: true, value: `inspector-${new Date().toISOString().slice(0, 10)}` });
    return { title: "Chat", nodes: [el("form", { class: "filters", onsubmit: (event) => { event.preventDefault(); if (name.value.trim()) go(to("chat", "", { session: name.value.trim() })); } },
      field("Session", name), button("Start", null, { type: "submit", class: "main" })), empty("A conversation needs a session", "Name a new one, or one that is there: it goes on where it stopped.")] };
  }
  const scope = { session: query.session };
  const past = await get("/v1/records", { ...scope, limit: PAST, kind: "episode" }, signal);
  const log = el("div", { class: "log", role: "log", "aria-label": "Conversation", tabindex: "0" });
  for (const record of past.records.reverse()) {
    const role = record.metadata?.role === "assistant" ? "assistant" : "user";
    log.append(bubble(role, passage(record.text), el("a", { class: "dim small", href: to("record", record.id) }, "record")));
  }
  const text = el("textarea", { rows: 3, dir: "auto", required: true, maxlength: 20000, value: sessionStorage.getItem(DRAFT) ?? "" });
  text.addEventListener("input", () => sessionStorage.setItem(DRAFT, text.value));
  const error = alertBox();
  const submit = el("button", { type: "submit", class: "main" }, "Send");
  let stop = null;
  const halt = button("Stop", () => stop?.abort());
  halt.hidden = true;
  const form = el("form", { class: "compose" }, error, field("Message", text, "Enter sends, Shift+Enter begins a new line."), el("div", { class: "buttons" }, submit, halt));
  const speak = async (event) => {
    event.preventDefault();
    const question = text.value.trim();
    if (!question || submit.disabled) return;
    const answer = passage("");
    const reply = bubble("assistant", answer);
    const turn = { question, answer: "", shown: [], saved: [] };
    error.textContent = "";
    submit.disabled = true;
    halt.hidden = false;
    stop = new AbortController();
    signal.addEventListener("abort", () => stop.abort());
    log.append(bubble("user", passage(question)), reply);
    log.lastChild.scrollIntoView({ block: "nearest" });
    try {
      const response = await send("POST", "/v1/chat", { query: scope, body: { text: question }, signal: stop.signal });
      text.value = "";
      sessionStorage.removeItem(DRAFT);
      for await (const { name, data } of events(response)) {
        if (name === "recalled") {
          turn.shown = data.ids;
          reply.prepend(recalled(data.ids, data.texts));
        } else if (name === "delta") {
          turn.answer += data.text;
          answer.textContent = turn.answer;
        } else if (name === "answer") {
          turn.answer = data.answer;
          answer.replaceChildren(passage(data.answer));
        } else if (name === "saved") turn.saved = data.ids;
        else if (name === "error") throw new Error(data.detail);
        log.scrollTop = log.scrollHeight;
      }
      reply.append(feedback(turn, scope));
      say("The answer is complete.");
    } catch (problem) {
      if (problem.name === "AbortError") reply.append(badge("stopped", "dim"));
      else {
        error.textContent = problem.message;
        if (!turn.answer) reply.remove();
      }
    }
    submit.disabled = false;
    halt.hidden = true;
    log.scrollTop = log.scrollHeight;
    text.focus();
  };
  form.addEventListener("submit", speak);
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  return {
    title: "Chat",
    class: "tall",
    nodes: [el("p", { class: "dim" }, "Session ", el("a", { href: to("timeline", "", { session: query.session }) }, words(query.session, 100))), log, form],
    ready: async () => (log.scrollTop = log.scrollHeight),
  };
}
