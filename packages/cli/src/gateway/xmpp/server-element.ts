import type { Attributes } from './xml.js';

/** An element somewhere inside of another. */
export interface Part {
  readonly local: string;
  readonly uri: string;
  readonly attributes: Attributes;
  /** What is written in it, without that of the elements inside. */
  readonly text: string;
  /** Where it is in what it is a part of. */
  readonly start: number;
  readonly end: number;
}

/** A child of the server's stream, made to stand alone. */
export class ServerElement {
  readonly local: string;
  readonly uri: string;
  readonly attributes: Attributes;
  /** All that is inside of it, in the order in which the elements end. There are none of stanzas (`jabber:client`). */
  readonly parts: readonly Part[];
  readonly #raw: string;
  readonly #nameEnd: number;
  readonly #declarations: string;

  /**
   * @param raw as the server wrote it.
   * @param name with its prefix.
   * @param declarations what its start tag needs besides.
   */
  constructor(
    { local, uri, attributes }: Pick<Part, 'local' | 'uri' | 'attributes'>,
    parts: readonly Part[],
    raw: string,
    name: string,
    declarations: string,
  ) {
    this.local = local;
    this.uri = uri;
    this.attributes = attributes;
    this.parts = parts;
    this.#raw = raw;
    this.#nameEnd = 1 + name.length;
    this.#declarations = declarations;
  }

  is(local: string, uri: string): boolean {
    return this.local === local && this.uri === uri;
  }

  /** The element as a document. */
  get xml(): string {
    return this.without(() => false);
  }

  /** The element as a document, but for these parts. */
  without(isUnwanted: (part: Part) => boolean): string {
    const { parts } = this;
    let rest = this.#raw;
    // From the last to the first, and what is around a part before that part: then nothing moves that is still to go.
    let begun = rest.length;
    for (const part of parts.filter(isUnwanted).toSorted((a, b) => b.end - a.end)) {
      if (part.end > begun) continue;
      rest = rest.slice(0, part.start) + rest.slice(part.end);
      begun = part.start;
    }
    return rest.slice(0, this.#nameEnd) + this.#declarations + rest.slice(this.#nameEnd);
  }
}
