"use strict";
(() => {
  const PAGE = 50;
  const LONG = 90;
  const FEW = 6;
  const MARKS = [["✗", "wrong"], ["✓", "right"], ["!", "wrong"]];
  const data = JSON.parse(document.getElementById("data").textContent);
  const fields = ["words", "task", "arm", "verdict"];
  const field = (name) => document.getElementById(name);
  const list = field("list");
  const more = field("more");
  let found = [];
  let drawn = 0;

  const element = (name, kind, text) => {
    const made = document.createElement(name);
    if (kind) made.className = kind;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const unpack = (row) => {
    const [question, arm, verdict, prediction, shown, recall, tokens, seconds, grades, marked] = row;
    const [task, id, asked, gold, category] = data.questions[question];
    return {
      question, verdict, prediction, shown, recall, tokens, seconds, grades, marked, id, category,
      arm: data.arms[arm], task: data.tasks[task], asked: data.texts[asked], gold: data.texts[gold],
    };
  };

  const cut = (text) => (text.length > LONG ? `${text.slice(0, LONG)}…` : text);
  const gradesOf = (one) => {
    const [names, ...values] = data.grades[one.grades];
    return data.names[names].map((name, place) => `${name} ${values[place]}`);
  };

  for (const name of ["task", "arm"])
    for (const value of data[`${name}s`]) field(name).append(new Option(value, value));

  const matches = (one, wanted, deep) => {
    if (wanted.task && one.task !== wanted.task) return false;
    if (wanted.arm && one.arm !== wanted.arm) return false;
    if (wanted.verdict && String(one.verdict) !== wanted.verdict) return false;
    if (!wanted.words) return true;
    const parts = [one.asked, one.gold, one.prediction, one.id, one.category];
    if (deep) parts.push(...one.shown.map((text) => data.texts[text]));
    const text = parts.join("\n").toLowerCase();
    return wanted.words.toLowerCase().split(/\s+/).every((word) => text.includes(word));
  };

  const listed = (texts, golden) => {
    const shown = element("ol");
    texts.forEach((text, place) => {
      const line = element("li", golden.has(place) ? "golden" : "");
      if (golden.has(place)) line.append(element("mark", "", "gold"), " ");
      line.append(data.texts[text]);
      shown.append(line);
    });
    return shown;
  };

  const inside = (one) => {
    const body = element("div", "inside");
    const cost = `${one.id} · ${one.category ? `${one.category} · ` : ""}${one.tokens} tokens · ${one.seconds} s`;
    const recall = one.recall === null ? "" : ` · ${Math.round(100 * one.recall)}% of the gold supports shown`;
    const grades = gradesOf(one);
    const few = grades.length > 1 && grades.length <= FEW ? ` · ${grades.join(" · ")}` : "";
    body.append(element("div", "meta", cost + recall + few));
    if (grades.length > FEW) {
      const every = element("details", "meta");
      every.append(element("summary", "", `${grades.length} grades`), grades.join(" · "));
      body.append(every);
    }
    body.append(element("h4", "", one.shown.length ? "shown" : "nothing was shown"));
    if (one.shown.length) body.append(listed(one.shown, new Set(one.marked)));
    const others = data.answers.filter((row) => row[0] === one.question).map(unpack);
    const golden = others.flatMap((other) => other.marked.map((place) => other.shown[place]));
    const missed = [...new Set(golden)].filter((text) => !one.shown.includes(text));
    if (missed.length) {
      body.append(element("h4", "", "gold that another arm showed, and this one did not"));
      body.append(listed(missed, new Set(missed.keys())));
    }
    if (others.length > 1) {
      body.append(element("h4", "", "the same question in every arm"));
      const answers = element("ul");
      for (const other of others) {
        const [mark, kind] = MARKS[other.verdict];
        const line = element("li", "", `${other.arm}: `);
        line.append(element("span", kind, `${mark} ${cut(other.prediction)}`));
        answers.append(line);
      }
      body.append(answers);
    }
    return body;
  };

  const entry = (one) => {
    const details = element("details", "question");
    const head = element("summary");
    const [mark, kind] = MARKS[one.verdict];
    head.append(
      element("span", kind, mark), element("span", "meta", one.task), element("span", "meta", one.arm),
      element("span", "asked", one.asked), element("span", "gold", one.gold), element("span", kind, cut(one.prediction)),
    );
    details.append(head);
    details.addEventListener("toggle", () => {
      if (details.open && details.children.length === 1) details.append(inside(one));
    });
    return details;
  };

  const draw = () => {
    const next = found.slice(drawn, drawn + PAGE);
    list.append(...next.map((row) => entry(unpack(row))));
    drawn += next.length;
    more.hidden = drawn >= found.length;
    more.textContent = `show more (${found.length - drawn} left)`;
  };

  const search = () => {
    const wanted = Object.fromEntries(fields.map((name) => [name, field(name).value.trim()]));
    const deep = field("deep").checked;
    found = data.answers.filter((row) => matches(unpack(row), wanted, deep));
    drawn = 0;
    list.replaceChildren();
    const right = found.filter((row) => row[2] === 1).length;
    const count = `${found.length} of ${data.answers.length} answers, ${right} right. `;
    field("count").textContent = count + "A line is: verdict, task, arm, question, gold answer, answer.";
    draw();
  };

  const follow = () => {
    if (!location.hash.startsWith("#q/")) return;
    const wanted = new URLSearchParams(location.hash.slice(3));
    for (const name of fields) field(name).value = wanted.get(name) || "";
    search();
    field("questions").scrollIntoView();
  };

  let waiting;
  field("words").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(search, 150);
  });
  for (const name of ["task", "arm", "verdict", "deep"]) field(name).addEventListener("change", search);
  field("filter").addEventListener("submit", (event) => event.preventDefault());
  field("filter").addEventListener("reset", () => setTimeout(search));
  more.addEventListener("click", draw);
  addEventListener("hashchange", follow);
  search();
  follow();
})();
