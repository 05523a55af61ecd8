/** Errors of a server (RFC 9457), and of a server that does not answer. */

interface Problem {
  title?: string;
  status?: number;
  detail?: string;
  error?: string | null;
}

/** A request was refused or failed; `message` says in words what to mend. */
export class MemagentError extends Error {
  override readonly name: string = "MemagentError";

  constructor(
    message: string,
    /** HTTP status. */
    readonly status: number,
    /** Name of the library's own error, such as "InvalidInput", where there is one. */
    readonly kind: string | null = null,
    /** Seconds after which to ask again, where the server says so. */
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }
}

/** The server cannot be reached, or did not answer in time. */
export class ServerUnavailable extends MemagentError {
  override readonly name = "ServerUnavailable";

  constructor(url: string, cause: unknown) {
    super(`${url} does not answer`, 0);
    this.cause = cause;
  }
}

/** Return a response that is no success as an error. */
export function errorOf(response: Response, body: unknown): MemagentError {
  const problem: Problem = typeof body === "object" && body !== null ? body : {};
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  return new MemagentError(
    problem.detail ?? `the server answered ${response.status}`,
    response.status,
    problem.error ?? null,
    Number.isFinite(seconds) ? seconds : null,
  );
}
