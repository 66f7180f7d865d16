import type { Peers, PeersListener } from './peers.js';
import type { TestLife } from './test-life.js';
import type { VirtualTime } from './test-time.js';

/** What goes from one server to another: in order, each some time later, unless it is lost. */
export class TestPeers {
  /** How likely it is that what is sent is lost, and that whoever should have got it is told so. */
  loss = 0;
  readonly #time: VirtualTime;
  readonly #delay: () => number;
  readonly #random: () => number;
  readonly #members = new Map<string, Member>();
  readonly #claims = new Map<string, string>();

  constructor(time: VirtualTime, delay: () => number, random: () => number) {
    this.#time = time;
    this.#delay = delay;
    this.#random = random;
  }

  /** @param life until when it answers. */
  add(id: string, life?: TestLife): Peers {
    const member: Member = {
      id,
      life,
      isSuspect: false,
      listener: undefined,
      lasts: new Map(),
      claims: {
        claim: (key, _milliseconds, onClaimed) => {
          this.#time.after(this.#delay(), () => {
            const holder = this.#claims.get(key) ?? id;
            this.#claims.set(key, holder);
            this.#time.after(this.#delay(), () => life?.isOver === true || onClaimed(holder));
          });
        },
        release: (key) => {
          if (this.#claims.get(key) === id) this.#claims.delete(key);
        },
      },
      stateOf: (node) => {
        const other = this.#members.get(node);
        return other === undefined || (other.isSuspect && other !== member) ? 'gone' : 'here';
      },
      send: (node, number, content) => this.#send(member, node, number, JSON.stringify(content)),
    };
    this.#members.set(id, member);
    return member as Peers;
  }

  /** The others find that one is gone. */
  remove(id: string): void {
    this.#members.delete(id);
    for (const { listener } of this.#members.values()) listener?.onGone(id);
  }

  /** The others take one for gone, for so long. */
  suspect(id: string, milliseconds: number): void {
    const member = this.#members.get(id);
    if (member === undefined) return;
    member.isSuspect = true;
    for (const other of this.#members.values()) if (other !== member) other.listener?.onGone(id);
    this.#time.after(milliseconds, () => {
      member.isSuspect = false;
    });
  }

  #send(from: Member, to: string, number: number, text: string): boolean {
    const kind = this.loss > 0 ? this.#random() / this.loss : 1;
    if (kind < 0.2) return false;
    const now = this.#time.now();
    const at = Math.max(from.lasts.get(to) ?? 0, now + this.#delay());
    from.lasts.set(to, at);
    this.#time.after(at - now, () => {
      const member = this.#members.get(to);
      if (kind < 0.6 || member === undefined || member.life?.isOver === true) return;
      const { listener } = member;
      if (kind < 1) listener!.onMissed();
      else listener!.receive(from.id, number, JSON.parse(text) as unknown[]);
    });
    return true;
  }
}

interface Member extends Omit<Peers, 'listener'> {
  listener: PeersListener | undefined;
  readonly life: TestLife | undefined;
  isSuspect: boolean;
  /** When what was sent last arrives, by whom it was sent to. */
  readonly lasts: Map<string, number>;
}
