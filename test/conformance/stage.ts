import type { Endpoint, Settings, Subject, Told } from './subjects/subject.js';

/** What became of the subject's end of one connection. */
export class Report {
  endpoint: Endpoint | undefined;
  told: { readonly code: number; readonly reason: string } | undefined;
  refused: Error | undefined;
}

/** A subject on stage: its servers, one for each way of setting it up, and what its applications are told. */
export class Stage {
  readonly subject: Subject;
  readonly #servers = new Map<string, Promise<{ readonly port: number; stop(): Promise<void> }>>();
  readonly #reports = new Map<string, Report>();
  readonly #told: Told;
  #paths = 0;

  constructor(subject: Subject) {
    this.subject = subject;
    const reportOf = (path: string): Report => this.#reports.get(path) ?? new Report();
    this.#told = {
      opened: (path, endpoint) => void (reportOf(path).endpoint = endpoint),
      closed: (path, code, reason) => void (reportOf(path).told = { code, reason }),
      refused: (path, error) => void (reportOf(path).refused = error),
    };
  }

  /** A path for one connection, and what will be told about it. */
  open(id: string): { readonly path: string; readonly report: Report } {
    const path = `/${id}/${++this.#paths}`;
    const report = new Report();
    this.#reports.set(path, report);
    return { path, report };
  }

  forget(path: string): void {
    this.#reports.delete(path);
  }

  async portOf(settings: Settings): Promise<number> {
    const name = JSON.stringify(settings);
    let server = this.#servers.get(name);
    if (server === undefined) {
      server = this.subject.serve(settings, this.#told);
      this.#servers.set(name, server);
    }
    return (await server).port;
  }

  connect(port: number, path: string, settings: Settings): void {
    this.subject.connect(port, path, settings, this.#told);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers.values()) await (await server).stop();
  }
}
