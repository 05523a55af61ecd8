// Elements, and texts of users: always text nodes, never markup.

// Bidirectional controls, zero-width marks, control characters and halves of characters are shown
// by their numbers, as they would deceive the reader. Joiners stay: emoji and scripts need them.
const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const LONG = 20000;

export function el(name, options = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(options)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "class") node.className = value;
    else if (key === "value") node.value = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export function cut(text, length) {
  if (text.length <= length) return text;
  const end = /[\ud800-\udbff]/.test(text[length - 1]) ? length - 1 : length;
  return `${text.slice(0, end)}…`;
}

function pieces(text) {
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(UNSEEN)) {
    if (match.index > from) nodes.push(text.slice(from, match.index));
    const code = match[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
    nodes.push(el("span", { class: "unseen", title: "a character that is not seen" }, `U+${code}`));
    from = match.index + 1;
  }
  nodes.push(text.slice(from));
  return nodes;
}

// A short text of a user, in a line of its own direction.
export function words(text, length = 300) {
  return el("bdi", { dir: "auto" }, pieces(cut(String(text), length)));
}

// A whole text of a user, the rest of a long one on demand.
export function passage(text) {
  const node = el("div", { class: "passage", dir: "auto" });
  node.append(...pieces(cut(text, LONG)));
  if (text.length <= LONG) return node;
  const more = button(`Show all ${text.length.toLocaleString()} characters`, () => {
    node.replaceChildren(...pieces(text));
    more.remove();
    node.tabIndex = -1;
    node.focus();
  });
  return el("div", {}, node, more);
}

export function button(label, onclick, options = {}) {
  return el("button", { type: "button", onclick, ...options }, label);
}

export function field(label, input, hint) {
  input.id ||= `f${Math.random().toString(36).slice(2)}`;
  return el("div", { class: "field" }, el("label", { for: input.id }, label), input, hint && el("small", {}, hint));
}

export function badge(text, kind = "") {
  return el("span", { class: `badge ${kind}` }, text);
}

export function when(value, full = false) {
  if (!value) return el("span", {}, "–");
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) return el("span", {}, value);
  const options = full
    ? { dateStyle: "medium", timeStyle: "medium" }
    : { year: "numeric", month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit" };
  return el("time", { datetime: value, title: date.toISOString() }, date.toLocaleString(undefined, options));
}

export function empty(title, text) {
  return el("div", { class: "empty" }, el("p", { class: "strong" }, title), el("p", {}, text));
}

export function say(text) {
  const status = document.getElementById("status");
  status.textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => (status.textContent = ""), 6000);
}

export function plural(number, noun) {
  return `${number.toLocaleString()} ${noun}${number === 1 ? "" : "s"}`;
}
