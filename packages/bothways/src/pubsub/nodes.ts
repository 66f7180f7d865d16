import type { Alarm, Clock } from '../protocol/clock.js';
import type { Broker } from './broker.js';
import type { Member, Presence } from './presence.js';

/** A server among those that share a broker. */
export interface NodeInfo {
  /** Random, and another one each time that the server is started. */
  readonly id: string;
  /** How many connections it has, as of a few seconds ago. */
  readonly connections: number;
  /** Whether it is this one. */
  readonly isOwn: boolean;
}

/** What a node says of itself, to those that know nothing of it yet. */
export interface NodeState {
  readonly id: string;
  readonly connections: number;
  readonly members: Iterable<readonly [topic: string, member: Member]>;
}

/** Whom it is told what other nodes send to this one alone. */
export interface NodeListener {
  /** What comes from a node comes in order. Where something is missing, its number is. */
  receive(from: string, number: number, content: readonly unknown[]): void;
  /** A node is gone, or is not heard any more. */
  onGone(node: string): void;
  /** Something may be lost. */
  onMissed(): void;
}

/** How often a node says that it is there, and after how long a silence it is taken for dead, milliseconds. */
const BEAT = 2_000;
export const LEASE = 8_000;
/** After how long another one is asked again that has not answered, milliseconds: before its next beat. */
const ANSWER_WITHIN = 1_000;
/** After how long a node says once more that it is new, the first time, and at most, milliseconds. */
const HELLO_AGAIN = 50;
const LAST_HELLO = 2_000;
/** Within how long all nodes that are there are heard, milliseconds. */
const HEARD_WITHIN = 3_000;
/** How many members go into one message. */
const PIECE = 1_000;
/** How many other nodes are known. */
const MAX_NODES = 1_000;
const EVERYBODY = '$bothways/nodes';

type Listed = readonly [topic: string, id: string, info: unknown];
/** A member that came, or another info of it; or, without one, that is gone. */
type Change = Listed | readonly [topic: string, id: string];

type Message =
  | readonly [kind: 'hello', node: string]
  | readonly [kind: 'bye', node: string]
  | readonly [kind: 'left', node: string]
  | readonly [kind: 'ask', node: string]
  | readonly [kind: 'mail', node: string, number: number, content: readonly unknown[]]
  | readonly [kind: 'beat', node: string, version: number, connections: number]
  | readonly [kind: 'change', node: string, version: number, changes: readonly Change[]]
  | readonly [
      kind: 'state',
      node: string,
      version: number,
      isFirst: boolean,
      isLast: boolean,
      members: readonly Listed[],
    ];

interface OtherNode {
  readonly id: string;
  connections: number;
  /** How many changes it has told; `undefined` while its state is not known. */
  version: number | undefined;
  /** By topic and id. */
  members: Map<string, Map<string, unknown>>;
  /** Its state, as far as it has come. */
  coming: Map<string, Map<string, unknown>> | undefined;
  heardAt: number;
  askedAt: number;
  /** When its members are gone, if it does not come back; `undefined` while it is there. */
  goneAt: number | undefined;
  /** Whether it takes nothing any more that is sent to it alone. */
  hasLeft: boolean;
}

/**
 * Which nodes share a broker, how many connections they have and which members are at them. Each tells all others of
 * its changes, and every two seconds that it is there and how many changes it has told: whoever has missed one asks for
 * all. A node that says goodbye, or is silent for eight seconds although the broker is there, is gone; its members are
 * given the time to come back to another one.
 */
export class Nodes {
  readonly #broker: Broker;
  readonly #clock: Clock;
  readonly #grace: number;
  readonly #presence: Presence;
  readonly #own: NodeState;
  readonly #others = new Map<string, OtherNode>();
  readonly #alarm: Alarm;
  /** When the grace of the next node that is gone ends. */
  readonly #graceEnd: Alarm;
  #changes: Change[] = [];
  #version = 0;
  #hasLeft = false;
  /** Whether others reach this node: its subscriptions take effect a moment after it has begun. */
  #isReached = false;
  readonly #helloAgain: Alarm;
  #helloDelay = HELLO_AGAIN;
  /** When the broker was away last; at first, when it had just been opened. */
  #awayAt = -Infinity;
  /** Whom it is told what other nodes send to this one alone. */
  listener: NodeListener | undefined;

  /** @param grace how long the members of a node that is gone are kept, milliseconds. */
  constructor(broker: Broker, clock: Clock, grace: number, presence: Presence, own: NodeState) {
    this.#broker = broker;
    this.#clock = clock;
    this.#grace = grace;
    this.#presence = presence;
    this.#own = own;
    this.#alarm = clock.alarm(() => this.#beat());
    this.#graceEnd = clock.alarm(() => this.#look());
    this.#helloAgain = clock.alarm(() => this.#sayHello());
  }

  get list(): NodeInfo[] {
    const { id, connections } = this.#own;
    const others = [...this.#others.values()].filter(({ goneAt }) => goneAt === undefined);
    return [
      { id, connections, isOwn: true },
      ...others.map((other) => ({ id: other.id, connections: other.connections, isOwn: false })),
    ];
  }

  get id(): string {
    return this.#own.id;
  }

  open(): void {
    this.#awayAt = this.#clock.now();
    this.#broker.subscribe(EVERYBODY);
    this.#broker.subscribe(topicOf(this.#own.id));
    this.#sayHello();
    this.#beat();
  }

  /**
   * Whether another node is there: `unsure` while the broker is away, and until all that are there have had the time to
   * say so.
   */
  stateOf(id: string): 'here' | 'gone' | 'unsure' {
    const other = this.#others.get(id);
    const now = this.#clock.now();
    if (this.#broker.isAway) this.#awayAt = now;
    const isHere = other !== undefined && other.goneAt === undefined && !other.hasLeft;
    if (id === this.#own.id || isHere) return 'here';
    return now - this.#awayAt < HEARD_WITHIN ? 'unsure' : 'gone';
  }

  /** Sends something to another node alone. @returns false when the broker does not take it. */
  send(id: string, number: number, content: readonly unknown[]): boolean {
    return this.#tell(topicOf(id), ['mail', this.#own.id, number, content]);
  }

  /** What others have published may be lost. */
  missed(): void {
    this.#awayAt = this.#clock.now();
    this.listener?.onMissed();
  }

  /** To others, this one is gone from now on; who is shown at it still is, until it closes. */
  depart(): void {
    this.#hasLeft = true;
    this.#tell(EVERYBODY, ['left', this.#own.id]);
  }

  close(): void {
    for (const alarm of [this.#alarm, this.#graceEnd, this.#helloAgain]) alarm.clear();
    this.#tell(EVERYBODY, ['bye', this.#own.id]);
  }

  /** A member came to this node, or has another info. */
  here(topic: string, { id, info }: Member): void {
    this.#change([topic, id, info]);
  }

  gone(topic: string, id: string): void {
    this.#change([topic, id]);
  }

  /** Takes what another node says, if it is for nodes. @returns whether it is. */
  take(topic: string, data: string | Uint8Array): boolean {
    if (topic !== EVERYBODY && topic !== topicOf(this.#own.id)) return false;
    if (topic !== EVERYBODY && !this.#isReached) this.#onReached();
    const message = typeof data === 'string' ? parse(data) : undefined;
    if (message !== undefined) this.#take(message);
    return true;
  }

  /** Until others reach it, or there are none, as it seems. */
  #sayHello(): void {
    this.#tell(EVERYBODY, ['hello', this.#own.id]);
    if (this.#isReached || this.#helloDelay > LAST_HELLO) return;
    this.#helloAgain.set(this.#helloDelay);
    this.#helloDelay *= 2;
  }

  /** What others have said or asked before may be lost: they do so once more. */
  #onReached(): void {
    this.#isReached = true;
    this.#helloAgain.clear();
    this.#sayHello();
  }

  #take(message: Message): void {
    const [kind, id] = message;
    if (kind === 'ask') {
      this.#tellState(id);
      return;
    }
    const other = this.#other(id);
    if (other === undefined) return;
    other.heardAt = this.#clock.now();
    if (kind === 'bye') {
      this.#lose(other, other.heardAt);
      this.#look();
      return;
    }
    other.goneAt = undefined;
    if (kind === 'left') {
      if (!other.hasLeft) this.listener?.onGone(id);
      other.hasLeft = true;
    } else if (kind === 'mail') this.listener?.receive(id, message[2], message[3]);
    else if (kind === 'hello') this.#onHello(other);
    else if (kind === 'beat') this.#onBeat(other, message[2], message[3]);
    else if (kind === 'change') this.#onChange(other, message[2], message[3]);
    else this.#onState(other, message);
  }

  #onHello(other: OtherNode): void {
    this.#sayBeat(topicOf(other.id));
    // What it was asked before may not have reached it.
    other.askedAt = -Infinity;
    if (other.version === undefined) this.#ask(other);
  }

  #onBeat(other: OtherNode, version: number, connections: number): void {
    other.connections = connections;
    if (other.version !== version) this.#ask(other);
  }

  #onChange(other: OtherNode, version: number, changes: readonly Change[]): void {
    if (other.version === undefined || version > other.version + 1) {
      this.#ask(other);
      return;
    }
    if (version <= other.version) return;
    other.version = version;
    for (const [topic, id, ...info] of changes) {
      if (info.length === 0) this.#remove(other, topic, id);
      else this.#add(other, topic, id, info[0]);
    }
  }

  #onState(
    other: OtherNode,
    [, , version, isFirst, isLast, members]: Extract<Message, readonly ['state', ...unknown[]]>,
  ): void {
    if (isFirst) other.coming = new Map();
    const { coming } = other;
    if (coming === undefined) return;
    for (const [topic, id, info] of members) put(coming, topic, id, info);
    if (!isLast) return;
    other.coming = undefined;
    other.version = version;
    other.askedAt = -Infinity;
    for (const [topic, ids] of other.members) {
      for (const id of ids.keys()) if (coming.get(topic)?.has(id) !== true) this.#remove(other, topic, id);
    }
    for (const [topic, ids] of coming) for (const [id, info] of ids) this.#add(other, topic, id, info);
  }

  #add(other: OtherNode, topic: string, id: string, info: unknown): void {
    put(other.members, topic, id, info);
    this.#presence.add(other.id, topic, { id, info });
  }

  #remove(other: OtherNode, topic: string, id: string): void {
    const ids = other.members.get(topic);
    ids?.delete(id);
    if (ids?.size === 0) other.members.delete(topic);
    this.#presence.remove(other.id, topic, id);
  }

  #other(id: string): OtherNode | undefined {
    let other = this.#others.get(id);
    if (other !== undefined || this.#others.size >= MAX_NODES || id === this.#own.id) return other;
    other = {
      id,
      connections: 0,
      version: undefined,
      members: new Map(),
      coming: undefined,
      heardAt: 0,
      askedAt: -Infinity,
      goneAt: undefined,
      hasLeft: false,
    };
    this.#others.set(id, other);
    return other;
  }

  #ask(other: OtherNode): void {
    const now = this.#clock.now();
    if (now < other.askedAt + ANSWER_WITHIN) return;
    other.askedAt = now;
    this.#tell(topicOf(other.id), ['ask', this.#own.id]);
  }

  #tellState(node: string): void {
    this.#flush();
    const members = [...this.#own.members].map(([topic, { id, info }]): Listed => [topic, id, info]);
    let start = 0;
    do {
      const end = start + PIECE;
      const piece = members.slice(start, end);
      const isLast = end >= members.length;
      this.#tell(topicOf(node), ['state', this.#own.id, this.#version, start === 0, isLast, piece]);
      start = end;
    } while (start < members.length);
  }

  #change(change: Change): void {
    if (this.#changes.push(change) === 1) this.#clock.soon(() => this.#flush());
  }

  #flush(): void {
    while (this.#changes.length > 0) {
      const changes = this.#changes.splice(0, PIECE);
      this.#tell(EVERYBODY, ['change', this.#own.id, ++this.#version, changes]);
    }
  }

  #beat(): void {
    this.#sayBeat();
    this.#look();
    this.#alarm.set(BEAT);
  }

  #sayBeat(to = EVERYBODY): void {
    this.#flush();
    const { id, connections } = this.#own;
    this.#tell(to, ['beat', id, this.#version, connections]);
    // For those that have begun since.
    if (this.#hasLeft) this.#tell(to, ['left', id]);
  }

  #lose(other: OtherNode, now: number): void {
    other.goneAt = now + this.#grace;
    this.listener?.onGone(other.id);
  }

  /** Looks who is gone, and whose members are. */
  #look(): void {
    const now = this.#clock.now();
    // While nobody can be heard, silence says nothing.
    if (this.#broker.isAway) this.#awayAt = now;
    let next = Infinity;
    for (const other of this.#others.values()) {
      const silentSince = Math.max(other.heardAt, this.#awayAt);
      if (other.goneAt === undefined && now - silentSince > LEASE) this.#lose(other, now);
      if (other.goneAt === undefined) continue;
      if (now < other.goneAt) {
        next = Math.min(next, other.goneAt);
        continue;
      }
      this.#others.delete(other.id);
      for (const [topic, ids] of other.members) {
        for (const id of ids.keys()) this.#presence.remove(other.id, topic, id);
      }
    }
    if (next < Infinity) this.#graceEnd.set(Math.ceil(next - now));
  }

  /** What the broker does not take is made good: at the next beat the others find that they have missed something. */
  #tell(topic: string, message: Message): boolean {
    try {
      this.#broker.publish(topic, JSON.stringify(message));
      return true;
    } catch {
      this.#awayAt = this.#clock.now();
      return false;
    }
  }
}

function topicOf(node: string): string {
  return `${EVERYBODY}/${node}`;
}

function put(members: Map<string, Map<string, unknown>>, topic: string, id: string, info: unknown): void {
  const ids = members.get(topic);
  if (ids === undefined) members.set(topic, new Map([[id, info]]));
  else ids.set(id, info);
}

/** @returns `undefined` for what no node says, or none of this version. */
function parse(text: string): Message | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const rule = Array.isArray(value) ? SHAPES.get(value[0]) : undefined;
  return rule?.(...(value as unknown[]).slice(1)) === true ? (value as Message) : undefined;
}

const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isList = (value: unknown, lengths: readonly number[]): boolean =>
  Array.isArray(value) &&
  value.every(
    (each) => Array.isArray(each) && lengths.includes(each.length) && isText(each[0]) && isText(each[1]),
  );

const SHAPES: ReadonlyMap<unknown, (...members: unknown[]) => boolean> = new Map([
  ['hello', isText],
  ['bye', isText],
  ['left', isText],
  ['ask', isText],
  [
    'mail',
    (node: unknown, number: unknown, content: unknown) =>
      isText(node) && isCount(number) && Array.isArray(content),
  ],
  [
    'beat',
    (node: unknown, ...counts: unknown[]) => isText(node) && counts.length === 2 && counts.every(isCount),
  ],
  [
    'change',
    (node: unknown, version: unknown, changes: unknown) =>
      isText(node) && isCount(version) && isList(changes, [2, 3]),
  ],
  [
    'state',
    (node: unknown, version: unknown, isFirst: unknown, isLast: unknown, members: unknown) =>
      isText(node) &&
      isCount(version) &&
      typeof isFirst === 'boolean' &&
      typeof isLast === 'boolean' &&
      isList(members, [3]),
  ],
]);
