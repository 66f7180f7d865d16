/** A request that is not let in: what it is answered, and why, which only the log says. */
export class Refused {
  readonly status: number;
  /** One line for the client: what is wrong and what to do. It tells nothing of what is behind the gateway. */
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  /** For the log. It has nothing secret in it. */
  readonly why: string;

  constructor(status: number, body: string, why: string, headers: Readonly<Record<string, string>> = {}) {
    this.status = status;
    this.body = body;
    this.why = why;
    this.headers = headers;
  }
}

/** How long a client should wait where nobody knows better, seconds. */
export const RETRY_AFTER = { 'Retry-After': '5' } as const;
