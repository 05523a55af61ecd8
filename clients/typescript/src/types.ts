/** Values of the interface, by short names; `schema.ts` is made from the server's description. */

import type { components } from "./schema.js";

type Schemas = components["schemas"];

export type Answer = Schemas["Answer"];
export type Change = Schemas["Change"];
export type Correction = Schemas["Correct"];
export type Event = Schemas["Event"];
export type FeedbackReply = Schemas["FeedbackReply"];
export type Forgettable = Schemas["ForgettableReply"];
export type ForgetOptions = Schemas["Forget"];
export type FoundRecords = Schemas["FoundRecords"];
export type Hit = Schemas["Hit"];
export type Hits = Schemas["SearchHits"];
export type Kind = NonNullable<NewRecord["kind"]>;
export type Marked = Schemas["Marked"];
export type Message = Schemas["MessageIn"];
export type NewRecord = Schemas["RecordIn"];
export type ProfileLine = Schemas["ProfileLine"];
export type Provenance = Schemas["Provenance"];
export type Receipt = Schemas["Receipt"];
export type Recollection = Schemas["RecollectionReply"];
export type RecallOptions = Omit<Schemas["Recall"], "question">;
export type MemoryRecord = Schemas["Record"];
export type SearchOptions = Omit<Schemas["Search"], "query">;
export type Update = Schemas["UpdateRecord"];

/** Whose records: a user, and perhaps one agent or session; what is left out is the client's. */
export interface Scope {
  user?: string;
  agent?: string;
  session?: string;
}

/** What happens while a reply is made, in order. */
export type ChatEvent =
  | { event: "recalled"; data: { ids: string[]; texts: string[] } }
  | { event: "delta"; data: { text: string } }
  | { event: "answer"; data: Answer }
  | { event: "saved"; data: { ids: string[] } };
