// Dialogs: a key, the shortcuts, and whatever asks before it acts.
import { button, el, field } from "./dom.js";

// Open a dialog; it resolves with what `close(value)` was given, null if it was left by Esc.
// Focus goes back to where it was.
export function open(title, fill) {
  const before = document.activeElement;
  return new Promise((resolve) => {
    let result = null;
    const heading = el("h2", { id: `d${Math.random().toString(36).slice(2)}` }, title);
    const dialog = el("dialog", { "aria-labelledby": heading.id }, heading);
    const close = (value = null) => {
      result = value;
      dialog.close();
    };
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (before?.isConnected) before.focus();
      resolve(result);
    });
    dialog.append(...fill(close, dialog).flat(Infinity).filter(Boolean));
    document.body.append(dialog);
    dialog.showModal();
  });
}

export function buttons(...all) {
  return el("div", { class: "buttons" }, all);
}

export function alertBox() {
  return el("p", { class: "error", role: "alert" });
}

export function askForKey(rejected) {
  return open("This server needs a key", (close) => {
    const input = el("input", { type: "password", autocomplete: "off", required: true, spellcheck: "false" });
    const error = alertBox();
    if (rejected) error.textContent = "That key is not good: mistyped, revoked, or past its day.";
    const form = el(
      "form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          if (input.value.trim()) close(input.value.trim());
        },
      },
      error,
      field("Key", input, "It begins with ma_ and stays in this tab until you close it."),
      buttons(el("button", { type: "submit", class: "main" }, "Use this key"), button("Cancel", () => close())),
    );
    return [el("p", {}, "Whoever runs it makes one with ", el("code", {}, "memagent keys"), "."), form];
  });
}

export function askForUser(detail) {
  return open("Whose memory?", (close) => {
    const input = el("input", { autocomplete: "off", required: true });
    return [
      el("p", {}, detail),
      el(
        "form",
        {
          onsubmit: (event) => {
            event.preventDefault();
            close(input.value);
          },
        },
        field("User", input),
        buttons(el("button", { type: "submit", class: "main" }, "Open"), button("Cancel", () => close())),
      ),
    ];
  });
}

export function confirm(title, text, label) {
  return open(title, (close) => [
    el("p", {}, text),
    buttons(button(label, () => close(true), { class: "main" }), button("Cancel", () => close())),
  ]);
}

const SHORTCUTS = [
  ["/", "search"],
  ["j  k", "next and previous row (or the arrow keys)"],
  ["Enter", "open the row"],
  ["e", "edit the record that is open"],
  ["p", "pin it, or take its pin off"],
  ["a", "archive it, or restore it"],
  ["f", "forget it: what would go is shown first"],
  ["Esc", "close a dialog"],
  ["?", "this list"],
];

export function shortcuts(settings) {
  return open("Keyboard shortcuts", (close) => {
    const single = el("input", { type: "checkbox", id: "single-keys" });
    single.checked = settings.on();
    single.addEventListener("change", () => settings.set(single.checked));
    return [
      el("dl", { class: "keys" }, SHORTCUTS.map(([keys, what]) => [el("dt", {}, el("kbd", {}, keys)), el("dd", {}, what)])),
      el("p", {}, el("label", { class: "check" }, single, "Single keys are shortcuts")),
      buttons(button("Close", () => close(), { class: "main" })),
    ];
  });
}
