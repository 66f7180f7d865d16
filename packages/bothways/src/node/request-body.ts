import { isUtf8 } from 'node:buffer';
import type { AnyRequest } from './request-router.js';
import { Timed, clearDeadline, setDeadline } from './timer-wheel.js';

/** Why there is no text. */
export type BodyError = 'too-large' | 'malformed';

/** The body of a request, which is read whole. */
export class RequestBody extends Timed {
  readonly #request: AnyRequest;
  readonly #limit: number;
  readonly #timeout: number;
  #onBody: ((text: string, error?: BodyError) => void) | undefined;
  /** What came, at its beginning: a body in many small pieces takes no more than one in a few. */
  #bytes: Buffer = NOTHING;
  #length = 0;

  /**
   * @param limit the largest body that is taken, bytes.
   * @param timeout how long it may take to arrive, milliseconds; 0 for no limit.
   * @param onBody is called once, unless the client leaves before.
   */
  constructor(
    request: AnyRequest,
    limit: number,
    timeout: number,
    onBody: (text: string, error?: BodyError) => void,
  ) {
    super();
    this.#request = request;
    this.#limit = limit;
    this.#timeout = timeout;
    this.#onBody = onBody;
  }

  read(): void {
    const request = this.#request;
    if (Number(request.headers['content-length'] ?? 0) > this.#limit) {
      this.#conclude('', 'too-large');
      return;
    }
    if (this.#timeout > 0) setDeadline(this, this.#timeout);
    request.on('error', ignoreError);
    request.on('close', () => this.#stop());
    request.on('data', (chunk: Buffer) => this.#take(chunk));
    request.on('end', () => {
      const bytes = this.#bytes.subarray(0, this.#length);
      if (isUtf8(bytes)) this.#conclude(bytes.toString('utf8'));
      else this.#conclude('', 'malformed');
    });
  }

  /** It does not come to an end. */
  onDeadline(): void {
    this.#stop();
    this.#request.destroy();
  }

  #take(chunk: Buffer): void {
    if (this.#onBody === undefined) return;
    const length = this.#length + chunk.length;
    if (length > this.#limit) {
      this.#conclude('', 'too-large');
      return;
    }
    if (this.#length === 0) {
      this.#bytes = chunk;
    } else {
      if (length > this.#bytes.length) this.#grow(length);
      chunk.copy(this.#bytes, this.#length);
    }
    this.#length = length;
  }

  #grow(length: number): void {
    const larger = Buffer.allocUnsafe(Math.min(this.#limit, 2 * length));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }

  #conclude(text: string, error?: BodyError): void {
    const onBody = this.#onBody;
    this.#stop();
    onBody?.(text, error);
  }

  #stop(): void {
    clearDeadline(this);
    this.#bytes = NOTHING;
    this.#length = 0;
    this.#onBody = undefined;
  }
}

const NOTHING = Buffer.alloc(0);

/** A client that leaves is no news. */
function ignoreError(): void {}
