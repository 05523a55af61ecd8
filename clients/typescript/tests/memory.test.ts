import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import { Memory, MemagentError, type MemoryRecord, ServerUnavailable } from "../src/index.js";
import { serve, type Server } from "./server.js";

let server: Server;
let ada: Memory;
let bob: Memory;

before(async () => {
  server = await serve("ada", "bob");
  const [first, second] = server.keys;
  ada = new Memory({ url: server.url, key: first });
  bob = new Memory({ url: `${server.url}/v1/`, key: second });
});

after(() => server.stop());

beforeEach(async () => {
  await ada.forget({ everything: true });
  await bob.forget({ everything: true });
});

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

test("what is added is found, changed, explained and erased", async () => {
  const record = await ada.add("Anna lives in Turin.", { metadata: { page: 3 }, why: "she said so" });
  assert.equal(record.text, "Anna lives in Turin.");
  const { hits } = await ada.search("Where does Anna live?", { k: 3, explain: true });
  assert.equal(hits[0]?.record.id, record.id);
  assert.ok((await ada.recall("Where does Anna live?")).texts[0]?.includes("Turin"));

  const moved = await ada.update(record.id, { text: "Anna lives in Genoa.", why: "moved" });
  const { versions } = await ada.why(moved.id);
  assert.deepEqual(
    versions.map((version) => version.text),
    ["Anna lives in Turin.", "Anna lives in Genoa."],
  );
  assert.ok((await ada.history(moved.id)).length >= 2);
  assert.equal((await ada.mark("pin", [moved.id])).changed, 1);

  const would = await ada.forget({ ids: [moved.id], dry_run: true });
  assert.equal(would.dry_run, true);
  assert.equal(await ada.count(), 1);
  await ada.forget(moved.id);
  assert.deepEqual(await ada.get([moved.id]), { records: [], missing: [moved.id] });
});

test("a list and an export go on over pages, and an import brings all back", async () => {
  await ada.addMany(Array.from({ length: 450 }, (_, number) => `Note ${number} ünï`));
  const listed = await all(ada.list());
  assert.equal(new Set(listed.map((record: MemoryRecord) => record.text)).size, 450);
  for await (const record of ada.list()) {
    assert.equal(record.text, "Note 449 ünï");
    break;
  }
  const exported = await all(ada.export());
  assert.equal(exported.length, 451);
  await ada.forget({ everything: true });
  assert.equal(await ada.import(exported), 450);
  assert.equal(await ada.import(exported), 0);
  assert.equal(await ada.count(), 450);
});

test("a filter, a session and messages reach what they mean", async () => {
  const scope = { session: "s1" };
  const messages = [{ role: "user" as const, content: "My cat is called Momo." }];
  await ada.addMessages(messages, { scope, idempotencyKey: "once" });
  await ada.addMessages(messages, { scope, idempotencyKey: "once" });
  await ada.add("A page.", { metadata: { page: 3 } });
  assert.equal(await ada.count({ scope }), 1);
  assert.equal(await ada.count({ where: { page: { gte: 3 } } }), 1);
  assert.deepEqual(await ada.sessions(), ["s1"]);
  assert.deepEqual(await ada.users(), ["ada"]);
});

test("a chat comes piece by piece, and is remembered", async () => {
  const steps = await all(ada.chat("Where does Anna live?", { scope: { session: "talk" } }));
  const reply = steps.map((step) => (step.event === "delta" ? step.data.text : "")).join("");
  assert.equal(reply, "In Turin.");
  assert.equal(steps[0]?.event, "recalled");
  assert.equal(steps.at(-1)?.event, "saved");
  assert.ok((await ada.count({ scope: { session: "talk" } })) > 0);
});

test("a correction becomes a change that can be undone", async () => {
  const { change } = await ada.feedback({ question: "Where is Anna?", correction: "In Genoa." });
  assert.ok(change);
  assert.equal((await ada.changes())[0]?.id, change.id);
  assert.ok((await ada.undo(change.id, { why: "a joke" })).undone);
});

test("no key reaches another's memory", async () => {
  const record = await ada.add("Ada's secret.");
  assert.deepEqual((await bob.search("secret")).hits, []);
  assert.deepEqual((await bob.get([record.id])).missing, [record.id]);
  const refused = (error: unknown) => error instanceof MemagentError && error.status === 403;
  await assert.rejects(bob.search("secret", { scope: { user: "ada" } }), refused);
  const nobody = new Memory({ url: server.url, key: "ma_00_no" });
  await assert.rejects(nobody.count(), { name: "MemagentError", status: 401 });
});

test("errors say in words what to mend", async () => {
  await assert.rejects(ada.addMany([]), { status: 422 });
  await assert.rejects(ada.update("no-such", { text: "x" }), { status: 404 });
  await assert.rejects(all(ada.chat("hi")), { status: 422, kind: "InvalidInput", message: /session/ });
  const away = new Memory({ url: "http://127.0.0.1:9" });
  await assert.rejects(away.count(), (error: unknown) => error instanceof ServerUnavailable);
  const slow = new Memory({ url: server.url, timeout: 1, fetch: (input, init) =>
    new Promise((_, reject) => {
      init?.signal?.addEventListener("abort", () => reject(new Error("late")));
      void input;
    }) });
  await assert.rejects(slow.count(), { name: "ServerUnavailable" });
});
