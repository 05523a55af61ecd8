/** Client of a memagent server. */

export { MemagentError, ServerUnavailable } from "./errors.js";
export { type Filter, Memory, type MemoryOptions, type Write } from "./memory.js";
export type * from "./types.js";
