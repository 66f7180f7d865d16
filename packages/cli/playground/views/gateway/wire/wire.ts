import type { CarrierName } from 'bothways/session';
import type { Decoded, Side } from '../../../../src/decode/decoded.js';
import { closeMeaning } from '../../../close-codes.js';
import { Store } from '../../../store.js';
import { FrameLog } from '../log/frame-log.js';
import { carrierNames, carrierOf, isReconnecting, openSocket, type Choice } from './carrier.js';

export type Phase = 'unused' | 'connecting' | 'open' | 'reconnecting' | 'closing' | 'closed';

/** How a connection has ended. */
export interface Ending {
  readonly code: number;
  readonly reason: string;
  /** Whether the reader wanted it. */
  readonly wasAsked: boolean;
  /** Whether both sides had spoken the protocol; else it never came about. */
  readonly wasOpen: boolean;
}

export interface WireState {
  readonly phase: Phase;
  /** What carries it now. */
  readonly carrier: CarrierName | undefined;
  /** The token of `Sec-WebSocket-Protocol` that both sides agreed on; empty without one. */
  readonly protocol: string;
  readonly ending: Ending | undefined;
  /** What the server of the protocol refused, in its words. */
  readonly refusal: string | undefined;
}

const unused: WireState = {
  phase: 'unused',
  carrier: undefined,
  protocol: '',
  ending: undefined,
  refusal: undefined,
};

/** The two sides of `Decoder`; one for each connection. */
export type Decode = (from: Side, message: string | Uint8Array) => readonly Decoded[];

/**
 * One connection after the other to a route of the gateway: what is chosen for it, what state it is in, and what has gone
 * over it. Whoever speaks the protocol gets the socket from here.
 */
export class Wire {
  readonly url: string;
  readonly choice = new Store<Choice>('plain');
  readonly state = new Store(unused);
  readonly log = new FrameLog();
  #socket: WebSocket | undefined;
  #wasAsked = false;
  #wasOpen = false;

  /** @param path of the route, beside this page. */
  constructor(path: string) {
    this.url = new URL(path, location.href.replace(/^http/, 'ws')).href;
  }

  get isInUse(): boolean {
    const { phase } = this.state.value;
    return phase !== 'unused' && phase !== 'closed';
  }

  /** To be called when a connection is wanted, perhaps before there is a socket. */
  begin(): void {
    this.#wasAsked = false;
    this.#wasOpen = false;
    this.#change({ ...unused, phase: 'connecting' });
    this.log.addEvent(`Connecting to ${new URL(this.url).pathname}`);
  }

  /** Opens the socket. @param decode tells what goes by, if nobody else does. */
  open(protocols: readonly string[], decode?: Decode): WebSocket {
    const socket = openSocket(this.url, protocols, this.choice.value);
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('close', ({ code, reason }) => this.#closed(socket, code, reason));
    socket.addEventListener('statechange', () => this.#look(socket));
    socket.addEventListener('carrierchange', () => this.#look(socket));
    if (decode) watchMessages(socket, (from, message) => this.#log(from, decode(from, message)));
    return socket;
  }

  /** To be called when the protocol's own greeting is over. */
  opened(): void {
    const socket = this.#socket;
    if (!socket || this.state.value.phase !== 'connecting') return;
    this.#wasOpen = true;
    this.#change({ phase: 'open', protocol: socket.protocol, carrier: carrierOf(socket) });
    this.log.addEvent(`Open over ${carrierNames[carrierOf(socket) ?? 'websocket']}`);
  }

  /** To be called before the protocol's own goodbye. */
  closing(): void {
    this.#wasAsked = true;
    this.#change({ phase: 'closing' });
  }

  refused(refusal: string): void {
    this.#change({ refusal });
  }

  /** To be called when no socket can be had at all. */
  failed(refusal: string): void {
    this.#change({ phase: 'closed', refusal });
    this.log.addEvent(refusal);
  }

  /** The view is left. */
  dispose(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket && socket.readyState <= WebSocket.OPEN) socket.close(1000);
  }

  #change(change: Partial<WireState>): void {
    this.state.set({ ...this.state.value, ...change });
  }

  #log(from: Side, frames: readonly Decoded[]): void {
    for (const frame of frames) this.log.addFrame(from, frame);
  }

  /** A session may change what carries it, and lose it for a while. */
  #look(socket: WebSocket): void {
    const { phase, carrier: before } = this.state.value;
    if (socket !== this.#socket || (phase !== 'open' && phase !== 'reconnecting')) return;
    const carrier = carrierOf(socket);
    const isLost = isReconnecting(socket);
    this.#change({ carrier, phase: isLost ? 'reconnecting' : 'open' });
    if (isLost && phase === 'open')
      this.log.addEvent('Nothing carries the session: looking for another carrier');
    else if (carrier && carrier !== before) this.log.addEvent(`Now over ${carrierNames[carrier]}`);
  }

  #closed(socket: WebSocket, code: number, reason: string): void {
    if (socket !== this.#socket) return;
    this.#socket = undefined;
    const ending = { code, reason, wasAsked: this.#wasAsked, wasOpen: this.#wasOpen };
    this.#change({ phase: 'closed', ending, carrier: undefined });
    this.log.addEvent(`Closed with ${code}: ${closeMeaning(code)}${reason === '' ? '' : ` (“${reason}”)`}`);
  }
}

function watchMessages(socket: WebSocket, tell: (from: Side, message: string | Uint8Array) => void): void {
  const send = socket.send.bind(socket);
  socket.send = (data) => {
    send(data);
    tell('client', toMessage(data));
  };
  socket.addEventListener('message', ({ data }) => tell('server', toMessage(data)));
}

function toMessage(data: unknown): string | Uint8Array {
  if (typeof data === 'string') return data;
  return data instanceof Uint8Array ? data : new Uint8Array(data as ArrayBuffer);
}
