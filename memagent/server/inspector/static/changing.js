// Edit and forget: both say what they will do before they do it.
import { post, record as fetchRecord, get, send } from "./api.js";
import { alertBox, buttons, open } from "./dialogs.js";
import { button, el, field, passage, plural, say, words } from "./dom.js";
import { go, to } from "./router.js";

// Put a new version in the place of a record; a version that came meanwhile is shown first.
export async function edit(record, tag) {
  const draft = `memagent.draft.${record.id}`;
  const text = el("textarea", { rows: 8, required: true, dir: "auto", value: sessionStorage.getItem(draft) ?? record.text });
  const reason = el("input", { autocomplete: "off", maxlength: 1000 });
  let base = { id: record.id, tag };
  text.addEventListener("input", () => text.value.length < 100000 && sessionStorage.setItem(draft, text.value));
  const saved = await open("Edit the record", (close, dialog) => {
    const error = alertBox();
    const conflict = el("div", {});
    const submit = el("button", { type: "submit", class: "main" }, "Save as a new version");
    const form = el("form", {}, error, conflict, field("Text", text), field("Why (optional)", reason, "It stands in the record's history."),
      buttons(submit, button("Cancel", () => { sessionStorage.removeItem(draft); close(); })));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      submit.disabled = true;
      error.textContent = "";
      try {
        const body = { text: text.value };
        if (reason.value.trim()) body.why = reason.value.trim();
        const path = `/v1/records/${encodeURIComponent(base.id)}`;
        const response = await send("PATCH", path, { body, headers: { "If-Match": base.tag } });
        sessionStorage.removeItem(draft);
        close(await response.json());
      } catch (problem) {
        error.textContent = problem.message;
        if (problem.status === 412) {
          const { records } = await get(`/v1/records/${encodeURIComponent(base.id)}/versions`);
          const newest = await fetchRecord(records.at(-1).id);
          base = { id: newest.record.id, tag: newest.tag };
          error.textContent = "Somebody has changed this record meanwhile. Nothing is saved yet.";
          conflict.replaceChildren(el("h3", {}, "What stands there now"), passage(newest.record.text));
          submit.textContent = "Save mine over it";
        }
      }
      submit.disabled = false;
    });
    dialog.classList.add("wide");
    return [form];
  });
  if (saved) {
    say("Saved as a new version.");
    go(to("record", saved.id), true);
  }
}

function counts(receipt, would) {
  const lines = [
    [receipt.records, "record"], [receipt.keys, "search key"], [receipt.history, "line of history"],
  ].map(([number, noun]) => el("li", {}, noun === "line of history" ? `${number.toLocaleString()} ${number === 1 ? noun : "lines of history"}` : plural(number, noun)));
  if (receipt.derived.length) lines.push(el("li", {}, `of these, ${receipt.derived.length.toLocaleString()} are other versions, or were made from it`));
  if (receipt.rekeyed) lines.push(el("li", {}, `${plural(receipt.rekeyed, "record")} ${would ? "would stay" : "stayed"}, without the keys made together with it`));
  return el("ul", {}, lines);
}

// Show what would go; erase it once that is confirmed; show the receipt. True if it was erased.
export async function forget(id) {
  const what = { ids: [id] };
  const plan = await post("/v1/forget", { ...what, dry_run: true });
  const others = plan.derived.length ? (await post("/v1/records/get", { ids: plan.derived.slice(0, 20) })).records : [];
  let erased = false;
  await open("Forget this record?", (close, dialog) => {
    const body = el("div", {}, el("p", {}, "This would erase, for good and from the disk:"), counts(plan, true),
      others.length > 0 && el("details", { open: true }, el("summary", {}, "What goes with it"), el("ul", {}, others.map((one) => el("li", {}, words(one.text, 160))))));
    const error = alertBox();
    const yes = button("Erase for good", async () => {
      yes.disabled = true;
      try {
        const receipt = await post("/v1/forget", what);
        erased = true;
        dialog.querySelector("h2").textContent = "Forgotten";
        const done = button("Done", () => close(), { class: "main" });
        body.replaceChildren(el("p", { role: "status" }, "Erased:"), counts(receipt, false),
          receipt.log_emptied ? "" : el("p", { class: "note" }, "Another program still reads an older state: `memagent compact` cleans the log once it is gone."));
        bar.replaceChildren(done);
        done.focus();
      } catch (problem) {
        error.textContent = problem.message;
        yes.disabled = false;
      }
    }, { class: "danger" });
    const bar = buttons(button("Keep it", () => close(), { class: "main", autofocus: true }), yes);
    return [error, body, bar];
  });
  return erased;
}
