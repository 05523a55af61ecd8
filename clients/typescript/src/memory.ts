/** Memory on a server, with the verbs of the library. */

import createClient, { type Client } from "openapi-fetch";

import { errorOf, MemagentError, ServerUnavailable } from "./errors.js";
import type { paths } from "./schema.js";
import { events, lines } from "./streams.js";
import type {
  Answer,
  Change,
  ChatEvent,
  Correction,
  Event,
  FeedbackReply,
  ForgetOptions,
  Forgettable,
  FoundRecords,
  Hits,
  Kind,
  Marked,
  MemoryRecord,
  Message,
  NewRecord,
  ProfileLine,
  Provenance,
  RecallOptions,
  Receipt,
  Recollection,
  Scope,
  SearchOptions,
  Update,
} from "./types.js";

export interface MemoryOptions extends Scope {
  /** Where the server listens, as http://127.0.0.1:8484. */
  url: string;
  /** API key; a server on this machine may need none. */
  key?: string;
  /** Milliseconds that a call may take; a stream takes as long as it needs. */
  timeout?: number;
  /** In the place of the global `fetch`. */
  fetch?: typeof fetch;
}

/** Filter of a list or a count. */
export interface Filter {
  kind?: Kind;
  /** By metadata: `{ page: { gte: 3 } }`. */
  where?: Record<string, unknown>;
  /** Superseded and archived records, too. */
  everything?: boolean;
}

/** Options of a call that writes; the same idempotency key writes once, however often it is sent. */
export interface Write {
  scope?: Scope;
  why?: string;
  idempotencyKey?: string;
}

interface Reply<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

const TIMEOUT = 60_000;
const PAGE = 200;
const STREAMS = ["/v1/export", "/v1/chat"];

export class Memory {
  /** Every route with its types, for what has no verb here. */
  readonly http: Client<paths>;
  private readonly url: string;
  private readonly scope: Scope;

  constructor(options: MemoryOptions) {
    const { url, key, timeout = TIMEOUT, user, agent, session } = options;
    const send = options.fetch ?? fetch;
    this.url = url.replace(/\/+$/, "").replace(/\/v1$/, "");
    this.scope = { user, agent, session };
    this.http = createClient<paths>({
      baseUrl: this.url,
      ...(key === undefined ? {} : { headers: { Authorization: `Bearer ${key}` } }),
      fetch: async (request: Request) => {
        const streams = STREAMS.includes(new URL(request.url).pathname);
        const limit = streams ? [] : [AbortSignal.timeout(timeout)];
        const signal = AbortSignal.any([request.signal, ...limit]);
        try {
          return await send(request, { signal });
        } catch (cause) {
          if (request.signal.aborted) throw cause;
          throw new ServerUnavailable(this.url, cause);
        }
      },
    });
  }

  /** Remember one text. */
  async add(text: string, options: Omit<NewRecord, "text"> & Write = {}): Promise<MemoryRecord> {
    const { scope, why, idempotencyKey, ...record } = options;
    const [written] = await this.addMany([{ text, ...record }], { scope, why, idempotencyKey });
    if (written === undefined) throw new MemagentError("the server returned no record", 201);
    return written;
  }

  /** Remember texts in one transaction: all of them, or none. */
  async addMany(records: (string | NewRecord)[], options: Write = {}): Promise<MemoryRecord[]> {
    const body = {
      records: records.map((record) => (typeof record === "string" ? { text: record } : record)),
      why: options.why,
    };
    const rest = { body, ...this.query(options.scope), ...idempotent(options) };
    return (await unwrap(this.http.POST("/v1/records", rest))).records;
  }

  /** Remember messages of a conversation, in order, in one transaction. */
  async addMessages(messages: Message[], options: Write = {}): Promise<MemoryRecord[]> {
    const rest = { body: { messages }, ...this.query(options.scope), ...idempotent(options) };
    return (await unwrap(this.http.POST("/v1/messages", rest))).records;
  }

  /** Return the best records for a query, best first. */
  async search(query: string, options: SearchOptions & { scope?: Scope } = {}): Promise<Hits> {
    const { scope, ...rest } = options;
    const body = { query, ...rest };
    return unwrap(this.http.POST("/v1/search", { body, ...this.query(scope) }));
  }

  /** Return what to show a model for a question, oldest first. */
  async recall(
    question: string,
    options: RecallOptions & { scope?: Scope } = {},
  ): Promise<Recollection> {
    const { scope, ...rest } = options;
    const body = { question, ...rest };
    return unwrap(this.http.POST("/v1/recall", { body, ...this.query(scope) }));
  }

  /** Return records by id, and the ids that are not there. */
  async get(ids: string[], scope?: Scope): Promise<FoundRecords> {
    return unwrap(this.http.POST("/v1/records/get", { body: { ids }, ...this.query(scope) }));
  }

  /** Yield records, newest first; pages are fetched as they are needed. */
  async *list(options: Filter & { scope?: Scope } = {}): AsyncGenerator<MemoryRecord> {
    let cursor: string | undefined;
    do {
      const query = { ...this.filter(options), limit: PAGE, cursor };
      const page = await unwrap(this.http.GET("/v1/records", { params: { query } }));
      yield* page.records;
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
  }

  /** Return how many records a list would go through. */
  async count(options: Filter & { scope?: Scope } = {}): Promise<number> {
    const query = this.filter(options);
    return (await unwrap(this.http.GET("/v1/count", { params: { query } }))).count;
  }

  /** Put a new version in the place of a record; the old one stays as history. */
  async update(id: string, update: Update, scope?: Scope): Promise<MemoryRecord> {
    return unwrap(this.http.PATCH("/v1/records/{id}", { body: update, ...this.one(id, scope) }));
  }

  /** Erase records, or with `dry_run` say what would go. */
  async forget(what: string | string[] | ForgetOptions, scope?: Scope): Promise<Receipt> {
    const ids = typeof what === "string" ? [what] : what;
    const body = Array.isArray(ids) ? { ids } : ids;
    return unwrap(this.http.POST("/v1/forget", { body, ...this.query(scope) }));
  }

  /** Return what a request to forget means ("my old address"); erases nothing. */
  async forgettable(request: string, scope?: Scope): Promise<Forgettable> {
    return unwrap(this.http.POST("/v1/forget/request", { body: { request }, ...this.query(scope) }));
  }

  /** Return what happened to a record and its other versions, in order. */
  async history(id: string, scope?: Scope): Promise<Event[]> {
    return (await unwrap(this.http.GET("/v1/records/{id}/history", this.one(id, scope)))).events;
  }

  /** Return where a record comes from, and what came of it. */
  async why(id: string, scope?: Scope): Promise<Provenance> {
    return unwrap(this.http.GET("/v1/records/{id}/why", this.one(id, scope)));
  }

  /** Mark records as worth keeping in view, or no more so; archive them, or bring them back. */
  async mark(
    verb: "pin" | "unpin" | "archive" | "restore",
    ids: string[],
    options: Write = {},
  ): Promise<Marked> {
    const rest = { body: { ids, why: options.why }, ...this.query(options.scope) };
    return unwrap(this.http.POST(`/v1/${verb}`, rest));
  }

  /** Say of an answer that it was good or bad, what would have been right, or a hint. */
  async feedback(correction: Correction, options: Write = {}): Promise<FeedbackReply> {
    const rest = { body: correction, ...this.query(options.scope), ...idempotent(options) };
    return unwrap(this.http.POST("/v1/feedback", rest));
  }

  /** Return the changes that feedback made, newest first. */
  async changes(scope?: Scope): Promise<Change[]> {
    return (await unwrap(this.http.GET("/v1/changes", this.query(scope)))).changes;
  }

  /** Undo one change: what it replaced holds again. */
  async undo(id: string, options: Write = {}): Promise<Change> {
    const rest = { body: { why: options.why }, ...this.one(id, options.scope) };
    return unwrap(this.http.POST("/v1/changes/{id}/undo", rest));
  }

  /** Return the lines of the user's profile. */
  async profile(scope?: Scope): Promise<ProfileLine[]> {
    return (await unwrap(this.http.GET("/v1/profile", this.query(scope)))).lines;
  }

  /** Yield the lines of an export, header first. */
  async *export(options: { scope?: Scope; vectors?: boolean } = {}): AsyncGenerator<string> {
    const query = { ...this.scoped(options.scope), vectors: options.vectors };
    const reply = this.http.GET("/v1/export", { params: { query }, parseAs: "stream" });
    yield* lines(await unwrap(reply));
  }

  /** Store records of an export that are not there yet, and return how many there were. */
  async import(exported: Iterable<string> | AsyncIterable<string>, scope?: Scope): Promise<number> {
    const parts: string[] = [];
    for await (const line of exported) parts.push(line.endsWith("\n") ? line : `${line}\n`);
    const reply = this.http.POST("/v1/import", {
      body: parts.join(""),
      bodySerializer: (body: string) => body,
      headers: { "Content-Type": "application/x-ndjson" },
      ...this.query(scope),
    });
    return (await unwrap(reply)).imported;
  }

  /** Return the users who have records, of those that the key speaks for. */
  async users(): Promise<string[]> {
    return (await unwrap(this.http.GET("/v1/users"))).names;
  }

  /** Return the names of the sessions, in order. */
  async sessions(scope?: Scope): Promise<string[]> {
    return (await unwrap(this.http.GET("/v1/sessions", this.query(scope)))).names;
  }

  /** Return numbers of the store. */
  async stats(): Promise<Record<string, number>> {
    return (await unwrap(this.http.GET("/v1/stats", this.query()))).stats;
  }

  /** Ask the agent a question. */
  async ask(question: string, options: { remember?: boolean; scope?: Scope } = {}): Promise<Answer> {
    const body = { question, remember: options.remember };
    return unwrap(this.http.POST("/v1/ask", { body, ...this.query(options.scope) }));
  }

  /** Say something in a session, and yield what happens; leaving early stops the model. */
  async *chat(
    text: string,
    options: { scope?: Scope; signal?: AbortSignal } = {},
  ): AsyncGenerator<ChatEvent> {
    const { scope, signal } = options;
    const rest = { body: { text }, ...this.query(scope), signal, parseAs: "stream" as const };
    for await (const step of events(await unwrap(this.http.POST("/v1/chat", rest)))) {
      if (step.event === "error") {
        const { detail, status, error } = step.data as Record<string, never>;
        throw new MemagentError(detail ?? "the reply failed", status ?? 500, error);
      }
      yield step as ChatEvent;
    }
  }

  private scoped(scope: Scope = {}): Scope {
    return { ...this.scope, ...scope };
  }

  private query(scope?: Scope) {
    return { params: { query: this.scoped(scope) } };
  }

  private one(id: string, scope?: Scope) {
    return { params: { query: this.scoped(scope), path: { id } } };
  }

  private filter({ scope, where, ...rest }: Filter & { scope?: Scope }) {
    return { ...this.scoped(scope), ...rest, where: where && JSON.stringify(where) };
  }
}

function idempotent({ idempotencyKey }: Write) {
  return idempotencyKey === undefined ? {} : { headers: { "Idempotency-Key": idempotencyKey } };
}

/** Return what a reply holds, or throw its error. */
async function unwrap<T>(pending: Promise<Reply<T>>): Promise<NonNullable<T>> {
  const { data, error, response } = await pending;
  if (!response.ok || data === undefined || data === null) throw errorOf(response, error);
  return data;
}
