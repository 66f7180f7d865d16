/** The part of `@xmpp/client` that is used here; it comes without types. */
declare module '@xmpp/client' {
  export interface Element {
    is(name: string): boolean;
    getChildText(name: string): string | null;
  }
  export interface XmppClient {
    readonly reconnect: { stop(): void };
    on(event: 'stanza', listener: (stanza: Element) => void): void;
    on(event: 'error', listener: (error: Error) => void): void;
    start(): Promise<{ toString(): string }>;
    stop(): Promise<unknown>;
    send(element: Element): Promise<void>;
  }
  export function client(options: {
    service: string;
    domain: string;
    username: string;
    password: string;
    resource: string;
  }): XmppClient;
  export function xml(name: string, attributes: Record<string, string>, ...children: unknown[]): Element;
}
