// Virtual list over pages that a cursor continues: only the rows in view are in the document.
import { el, say } from "./dom.js";

const AROUND = 8; // rows beyond the edges, so that scrolling and tabbing find them
const AHEAD = 60; // rows before the end at which the next page is asked for

export class VirtualList {
  // `load(cursor)` gives {items, next}; `row(item)` gives the content of a row, a link first.
  constructor({ load, row, label, onchange }) {
    Object.assign(this, { load, row, onchange });
    this.items = [];
    this.next = null;
    this.done = false;
    this.rows = new Map();
    this.list = el("div", { role: "list", class: "rows", "aria-label": label });
    this.node = el("div", { class: "scroller", tabindex: "0", role: "group", "aria-label": label }, this.list);
    this.node.addEventListener("scroll", () => this.draw(), { passive: true });
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.node);
  }

  // Load the first page, or as many as it takes to come back to where the reader was.
  async start(count = 0, top = 0) {
    do await this.more(count > 200 ? 1000 : 100);
    while (!this.done && this.items.length < count);
    this.resize();
    this.node.scrollTop = top;
    this.draw();
  }

  async more(limit = 500) {
    if (this.done || this.loading) return;
    this.loading = true;
    try {
      const { items, next } = await this.load(this.next, limit);
      this.items.push(...items);
      this.next = next;
      this.done = !next;
    } finally {
      this.loading = false;
    }
    this.onchange?.(this.items.length, this.done);
    this.resize();
  }

  resize() {
    const row = parseFloat(getComputedStyle(this.node).getPropertyValue("--row")) || 4;
    this.height = row * parseFloat(getComputedStyle(document.documentElement).fontSize);
    this.list.style.height = `${this.items.length * this.height}px`;
    for (const [index, node] of this.rows) node.style.top = `${index * this.height}px`;
    this.draw();
  }

  draw() {
    const first = Math.max(0, Math.floor(this.node.scrollTop / this.height) - AROUND);
    const shown = Math.ceil(this.node.clientHeight / this.height) + 2 * AROUND;
    const last = Math.min(this.items.length, first + shown);
    for (const [index, node] of this.rows) {
      if ((index < first || index >= last) && !node.contains(document.activeElement)) {
        node.remove();
        this.rows.delete(index);
      }
    }
    let before = null;
    for (let index = first; index < last; index++) {
      const node = this.rows.get(index) ?? this.make(index);
      if (!node.isConnected || node.parentNode !== this.list) this.list.insertBefore(node, before ? before.nextSibling : this.list.firstChild);
      before = node;
    }
    if (last > this.items.length - AHEAD) this.more().catch((problem) => problem.name !== "AbortError" && say(problem.message));
  }

  make(index) {
    const size = this.done ? this.items.length : -1;
    const node = el("div", { role: "listitem", class: "row", "aria-posinset": index + 1, "aria-setsize": size });
    node.style.top = `${index * this.height}px`;
    node.append(this.row(this.items[index], index));
    this.rows.set(index, node);
    return node;
  }

  // Move the focus by rows; from nowhere to the first row in view.
  move(step) {
    const current = [...this.rows].find(([, node]) => node.contains(document.activeElement))?.[0];
    const start = Math.ceil(this.node.scrollTop / this.height);
    this.focus(current === undefined ? start : current + step);
  }

  focus(index) {
    const wanted = Math.max(0, Math.min(this.items.length - 1, index));
    if (!this.items.length) return;
    const top = wanted * this.height;
    if (top < this.node.scrollTop) this.node.scrollTop = top;
    const under = top + this.height - this.node.clientHeight;
    if (under > this.node.scrollTop) this.node.scrollTop = under;
    this.draw();
    this.rows.get(wanted)?.querySelector("a")?.focus({ preventScroll: true });
  }

  close() {
    this.sizes.disconnect();
  }
}
