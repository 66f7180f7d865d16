import { describe, expect, it } from 'vitest';
import type { CarrierName, CloseInfo } from '../protocol/contract.js';
import { ClientSession, type SessionEnd, type SessionState } from './client.js';
import type { Content } from './records.js';
import type { ServerSession } from './server-session.js';
import { CLIENT_SETTINGS, SERVER_SETTINGS } from './test-model.js';
import { FINE, TestNetwork } from './test-network.js';
import { VirtualTime, randomOf } from './test-time.js';

const HOUR = 3_600_000;

interface Decision {
  readonly status: number;
  readonly retryAfter?: number;
}

function withoutSockets(network: TestNetwork): void {
  network.blocked.add('socket');
}

/** A client and an echoing server, on a network that does as it is told; latency is 10 ms each way. */
class Stage {
  readonly time = new VirtualTime();
  readonly network: TestNetwork;
  readonly received: Content[] = [];
  readonly states: SessionState[] = [];
  readonly carriers: (CarrierName | undefined)[] = [];
  readonly resumes: { resumed: boolean; lost: readonly Content[] }[] = [];
  readonly sessions: ServerSession[] = [];
  readonly serverEnds: CloseInfo[] = [];
  readonly retries: [reason: string, delay: number][] = [];
  refusal: Decision | undefined;
  isOpen = false;
  end: SessionEnd | undefined;
  isWilling = true;
  readonly client: ClientSession;

  constructor(
    settings: Partial<typeof CLIENT_SETTINGS> = {},
    server: Partial<typeof SERVER_SETTINGS> = {},
    prepare: (network: TestNetwork) => void = () => {},
  ) {
    const limits = { ...SERVER_SETTINGS, resumeTimeout: 60_000, ...server };
    this.network = new TestNetwork(this.time, randomOf(1), limits, {
      decide: (_from, _protocols, opening) => {
        if (this.refusal !== undefined) {
          opening.refuse(this.refusal.status, 'No', this.refusal.retryAfter);
          return;
        }
        opening.accept('', (session) => {
          this.sessions.push(session);
          const onMessage = (content: Content): void => session.send(content);
          const onEnd = (info: CloseInfo): void => void this.serverEnds.push(info);
          return { isWilling: true, onMessage, onSent: () => {}, onEnd };
        });
      },
    });
    this.network.weather = { ...FINE, latency: 20 };
    prepare(this.network);
    this.client = new ClientSession(
      this.network.platform(),
      { ...CLIENT_SETTINGS, backoff: { base: 500, cap: 30_000 }, ...settings },
      {
        isWilling: () => this.isWilling,
        onOpen: () => {
          this.isOpen = true;
        },
        onResume: (resumed, lost) => void this.resumes.push({ resumed, lost }),
        onMessage: (content) => void this.received.push(content),
        onSent: () => {},
        onRetry: (reason, delay) => void this.retries.push([reason, delay]),
        onState: () => void this.states.push(this.client.state),
        onCarrier: () => void this.carriers.push(this.client.carrier),
        onEnd: (end) => {
          this.end = end;
        },
      },
    );
    this.client.start();
  }

  /** Lets time pass until it is so. @returns how long that took, milliseconds. */
  until(isSo: () => boolean, atMost = HOUR): number {
    const start = this.time.now();
    if (!this.time.passUntil(isSo, atMost)) throw new Error(`It is not so after ${atMost} ms`);
    return this.time.now() - start;
  }
}

describe('A client that connects', () => {
  it('takes the best carrier, and only that', () => {
    const stage = new Stage();
    stage.client.send('hello');
    stage.until(() => stage.received.length === 1);
    expect(stage.client.carrier).toBe('websocket');
    expect(stage.network.requests).toBe(0);
  });

  it('does not wait for a WebSocket that is refused', () => {
    const stage = new Stage({}, {}, withoutSockets);
    stage.client.send('hello');
    expect(stage.until(() => stage.received.length === 1)).toBeLessThan(200);
    expect(stage.client.carrier).toBe('streaming');
  });

  it('loses less than a second to a WebSocket that hangs', () => {
    const stage = new Stage({}, {}, (network) => {
      network.weather = { ...FINE, stall: 1 };
    });
    stage.network.weather = { ...FINE, latency: 20 };
    stage.client.send('hello');
    expect(stage.until(() => stage.received.length === 1)).toBeLessThan(1_000);
    expect(stage.client.carrier).toBe('streaming');
  });

  it('goes down to long polling where streams are held back', () => {
    const stage = new Stage({}, {}, (network) => {
      for (const what of ['socket', 'stream', 'events'] as const) network.blocked.add(what);
    });
    stage.client.send('hello');
    expect(stage.until(() => stage.received.length === 1)).toBeLessThan(1_500);
    expect(stage.client.carrier).toBe('long-polling');
  });

  it('comes back to a WebSocket when there is one, without a loss in between', () => {
    const stage = new Stage({}, {}, withoutSockets);
    stage.client.send('one');
    stage.until(() => stage.received.length === 1);
    stage.network.blocked.clear();
    stage.client.send('two');
    stage.until(() => stage.client.carrier === 'websocket', 60_000);
    stage.client.send('three');
    stage.until(() => stage.received.length === 3);
    expect(stage.received).toEqual(['one', 'two', 'three']);
    expect(stage.resumes).toEqual([]);
    expect(stage.states).toEqual(['open']);
  });

  it('tries others first when a WebSocket dies three times after 10 seconds, and it again after five minutes', () => {
    const stage = new Stage();
    for (let life = 0; life < 3; life++) {
      stage.until(() => stage.client.state === 'open');
      expect(stage.client.carrier).toBe('websocket');
      stage.time.pass(10_000);
      stage.client.loseCarrier();
    }
    stage.until(() => stage.client.state === 'open');
    expect(stage.client.carrier).toBe('streaming');
    const { sockets } = stage.network;
    stage.time.pass(240_000);
    expect([stage.client.carrier, stage.network.sockets]).toEqual(['streaming', sockets]);
    stage.until(() => stage.client.carrier === 'websocket', 660_000);
    expect(stage.resumes.map(({ resumed }) => resumed)).toEqual([true, true, true]);
  });

  it('goes on with a WebSocket that lives longer now and then', () => {
    const stage = new Stage();
    for (const life of [10_000, 10_000, 20_000, 10_000, 10_000, 20_000]) {
      stage.until(() => stage.client.state === 'open');
      expect(stage.client.carrier).toBe('websocket');
      stage.time.pass(life);
      stage.client.loseCarrier();
    }
  });

  it('tries a better carrier less and less often while it cannot be had', () => {
    const stage = new Stage({}, {}, withoutSockets);
    stage.until(() => stage.isOpen);
    stage.time.pass(HOUR);
    expect(stage.network.sockets).toBeGreaterThan(5);
    expect(stage.network.sockets).toBeLessThan(20);
  });

  it('that was told an order keeps to it, whatever worked before', () => {
    const stage = new Stage({ remembers: false }, {}, (network) => {
      network.remembered = 'polling';
    });
    stage.until(() => stage.isOpen);
    expect([stage.client.carrier, stage.network.remembered]).toEqual(['websocket', 'polling']);
  });

  it('begins with the carrier that worked before', () => {
    const stage = new Stage({ carriers: ['websocket', 'long-polling'] }, {}, withoutSockets);
    stage.until(() => stage.isOpen);
    expect(stage.client.carrier).toBe('long-polling');
    const platform = stage.network.platform();
    expect(platform.recall()).toBe('long-polling');
    const { sockets } = stage.network;
    const owner = {
      isWilling: () => true,
      onOpen: () => {},
      onResume: () => {},
      onMessage: () => {},
      onSent: () => {},
      onRetry: () => {},
      onState: () => {},
      onCarrier: () => {},
      onEnd: () => {},
    };
    const next = new ClientSession(
      platform,
      { ...CLIENT_SETTINGS, carriers: ['websocket', 'long-polling'] },
      owner,
    );
    next.start();
    stage.until(() => next.state === 'open', 200);
    expect(next.carrier).toBe('long-polling');
    expect(stage.network.sockets).toBe(sockets);
  });
});

describe('A client that has lost its carrier', () => {
  it('waits longer and longer, and comes back when there is a network', () => {
    const stage = new Stage({}, { resumeTimeout: HOUR });
    stage.until(() => stage.isOpen);
    stage.time.pass(2_000);
    stage.network.blocked.add('socket').add('request');
    stage.client.loseCarrier();
    expect(stage.client.state).toBe('reconnecting');
    stage.client.send('meanwhile');
    stage.time.pass(30_000);
    const early = stage.network.sockets;
    stage.time.pass(25_000);
    expect(stage.network.sockets - early).toBeLessThan(early);
    stage.network.blocked.clear();
    stage.until(() => stage.received.length === 1);
    expect(stage.resumes).toEqual([{ resumed: true, lost: [] }]);
  });

  it('resumes with nothing lost or repeated while the server keeps the session', () => {
    const stage = new Stage();
    stage.client.send('one');
    stage.until(() => stage.received.length === 1);
    stage.client.loseCarrier();
    stage.client.send('two');
    stage.sessions[0]!.send('from the server');
    stage.until(() => stage.received.length === 3);
    expect(new Set(stage.received)).toEqual(new Set(['from the server', 'one', 'two']));
    expect(stage.received.length).toBe(3);
    expect(stage.resumes).toEqual([{ resumed: true, lost: [] }]);
  });

  it('is told what may be lost when the server has forgotten it, and sends what it had not sent', () => {
    const stage = new Stage({ carriers: ['websocket'] });
    stage.until(() => stage.isOpen);
    // It is sent, and never arrives.
    stage.network.weather = { ...FINE, stall: 1 };
    stage.client.send('uncertain');
    stage.network.weather = FINE;
    stage.network.blocked.add('socket');
    stage.client.loseCarrier();
    stage.client.send('never sent');
    stage.time.pass(200_000);
    stage.network.blocked.clear();
    stage.until(() => stage.resumes.length === 1);
    expect(stage.resumes).toEqual([{ resumed: false, lost: ['uncertain'] }]);
    stage.until(() => stage.received.length === 1);
    expect(stage.received).toEqual(['never sent']);
    expect(stage.sessions.length).toBe(2);
  });

  it.each([
    ['what it had sent', ['sent'], [{ resumed: false, lost: ['sent'] }]],
    ['nothing', [], []],
  ])(
    'is told of %s when a session was lost before its answer had come, and resumes the next one',
    (_what, sent, resumes) => {
      const stage = new Stage({ carriers: ['long-polling'] });
      for (const text of sent) stage.client.send(text);
      // It tries again, with what is to be sent, and does not wait for the answer before.
      stage.network.tell('online');
      stage.until(() => stage.sessions[0]?.generation === 2);
      stage.sessions[0]!.terminate({ code: 1006, reason: '', wasClean: false, initiator: 'network' });
      stage.network.tell('online');
      stage.until(() => stage.isOpen);
      expect([stage.sessions.length, stage.resumes]).toEqual([2, resumes]);
      stage.client.loseCarrier();
      stage.until(() => stage.client.state === 'open');
      expect(stage.resumes).toEqual([...resumes, { resumed: true, lost: [] }]);
    },
  );

  it('tries nothing while the device is offline, and at once when it is online again', () => {
    const stage = new Stage();
    stage.until(() => stage.isOpen);
    stage.network.tell('offline');
    stage.client.loseCarrier();
    expect(stage.client.state).toBe('offline');
    const { sockets, requests } = stage.network;
    stage.time.pass(30_000);
    expect([stage.network.sockets, stage.network.requests]).toEqual([sockets, requests]);
    stage.network.tell('online');
    expect(stage.until(() => stage.client.state === 'open')).toBeLessThan(200);
    expect(stage.resumes).toEqual([{ resumed: true, lost: [] }]);
  });

  it('notices within twice the heartbeat that nobody is there', () => {
    const stage = new Stage({ carriers: ['websocket'] }, { heartbeat: 5_000 });
    stage.until(() => stage.isOpen);
    stage.time.pass(30_000);
    expect(stage.states).toEqual(['open']);
    stage.network.weather = { ...FINE, stall: 1 };
    expect(stage.until(() => stage.client.state === 'reconnecting')).toBeLessThanOrEqual(10_000 + 5_000);
  });

  it('reconnects at once when a page wakes that slept for an hour', () => {
    const stage = new Stage({ carriers: ['websocket'] }, { resumeTimeout: 2 * HOUR });
    stage.client.send('before');
    stage.until(() => stage.received.length === 1);
    // Nothing of the page runs, and the network has long forgotten its connection.
    stage.network.weather = { ...FINE, stall: 1 };
    stage.sessions[0]!.send('while it slept');
    stage.network.weather = FINE;
    const rest = stage.client.carrier;
    expect(rest).toBe('websocket');
    stage.time.jump(HOUR);
    stage.network.tell('wake');
    expect(stage.until(() => stage.received.length === 2)).toBeLessThan(200);
    expect(stage.received).toEqual(['before', 'while it slept']);
    expect(stage.resumes).toEqual([{ resumed: true, lost: [] }]);
  });

  it('leaves a carrier alone of which it has heard when the page wakes', () => {
    const stage = new Stage();
    stage.until(() => stage.isOpen);
    const { sockets } = stage.network;
    stage.network.tell('wake');
    stage.time.pass(1_000);
    expect(stage.network.sockets).toBe(sockets);
  });

  it('asks to hear from the server more often when silence is cut twice', () => {
    const stage = new Stage({ carriers: ['websocket'] });
    stage.until(() => stage.isOpen);
    stage.time.pass(5_000);
    stage.client.loseCarrier();
    stage.until(() => stage.client.state === 'open');
    expect(stage.client.heartbeat).toBe(20_000);
    stage.time.pass(5_000);
    stage.client.loseCarrier();
    stage.until(() => stage.client.state === 'open');
    expect(stage.client.heartbeat).toBeLessThan(4_000);
    expect(stage.client.heartbeat).toBeGreaterThanOrEqual(1_000);
  });
});

describe('A client that is refused', () => {
  it.each([401, 403, 402, 400])('gives up on %i', (status) => {
    const stage = new Stage();
    stage.refusal = { status };
    stage.until(() => stage.end !== undefined, 5_000);
    expect(stage.end).toMatchObject({ wasClean: false, loss: { kind: 'fatal', status } });
    const { sockets, requests } = stage.network;
    stage.time.pass(HOUR);
    expect([stage.network.sockets, stage.network.requests]).toEqual([sockets, requests]);
  });

  it('waits as long as the server says, and at most an hour', () => {
    const stage = new Stage({ carriers: ['long-polling'] });
    stage.refusal = { status: 503, retryAfter: 60 };
    stage.until(() => stage.retries.length === 1);
    expect(stage.retries[0]![1]).toBeGreaterThanOrEqual(60_000);
    stage.refusal = { status: 503, retryAfter: 10_000_000 };
    stage.until(() => stage.retries.length === 2);
    expect(stage.retries[1]![1]).toBeLessThanOrEqual(5_400_000);
    stage.refusal = { status: 503, retryAfter: -5 };
    stage.until(() => stage.retries.length === 3, 2 * HOUR);
    const { requests } = stage.network;
    stage.time.pass(10_000);
    expect(stage.network.requests).toBeLessThan(requests + 20);
  });

  it.each([429, 503, 500])('tries again on %i', (status) => {
    const stage = new Stage();
    stage.refusal = { status };
    stage.time.pass(10_000);
    expect(stage.end).toBeUndefined();
    stage.refusal = undefined;
    stage.until(() => stage.isOpen, 60_000);
  });
});

describe('A client whose application is slow', () => {
  it('keeps what the server said before it ended the session, and asks for nothing more', () => {
    const stage = new Stage({}, { closeTimeout: 5_000 });
    stage.until(() => stage.isOpen);
    stage.isWilling = false;
    stage.sessions[0]!.send('last words');
    stage.sessions[0]!.close(4001, 'done');
    stage.until(() => stage.client.state === 'closing', 60_000);
    expect(stage.serverEnds).toMatchObject([{ code: 1006, initiator: 'local' }]);
    const { sockets, requests } = stage.network;
    for (const event of ['offline', 'online', 'wake'] as const) {
      stage.network.tell(event);
      stage.time.pass(HOUR);
    }
    expect([stage.network.sockets, stage.network.requests]).toEqual([sockets, requests]);
    expect([stage.client.state, stage.received, stage.end]).toEqual(['closing', [], undefined]);
    stage.isWilling = true;
    stage.client.resume();
    expect(stage.received).toEqual(['last words']);
    expect(stage.end).toEqual({ code: 4001, reason: 'done', wasClean: true, initiator: 'remote' });
  });
});

describe('A client whose server goes away', () => {
  it.each([1001, 1012])('with %i begins anew, and says what may be lost', (code) => {
    const stage = new Stage({ carriers: ['websocket'] });
    stage.until(() => stage.isOpen);
    stage.sessions[0]!.send('last words');
    stage.sessions[0]!.close(code, 'restart');
    stage.client.send('on its way');
    stage.until(() => stage.resumes.length === 1);
    expect(stage.resumes).toEqual([{ resumed: false, lost: ['on its way'] }]);
    expect(stage.retries).toEqual([
      [`The server has closed with ${code} restart`, expect.toSatisfy((delay) => delay <= 500)],
    ]);
    expect(stage.received).toEqual(['last words']);
    expect([stage.client.state, stage.sessions.length, stage.end]).toEqual(['open', 2, undefined]);
    expect(stage.serverEnds).toEqual([{ code, reason: 'restart', wasClean: true, initiator: 'local' }]);
    stage.client.send('hello');
    stage.until(() => stage.received.length === 2);
  });

  it('ends when it was closing itself', () => {
    const stage = new Stage({ carriers: ['websocket'] });
    stage.until(() => stage.isOpen);
    stage.client.close(1000, '');
    stage.sessions[0]!.close(1001, '');
    stage.until(() => stage.end !== undefined, 10_000);
    expect([stage.end, stage.sessions.length]).toMatchObject([{ wasClean: true }, 1]);
  });
});

describe('A client that closes', () => {
  it('delivers what it had sent before, and stops asking', () => {
    const stage = new Stage({ carriers: ['long-polling'] });
    stage.client.send('last words');
    stage.client.close(3000, 'done');
    stage.until(() => stage.end !== undefined, 1_000);
    expect(stage.end).toEqual({ code: 3000, reason: '', wasClean: true, initiator: 'local' });
    const { requests } = stage.network;
    stage.time.pass(HOUR);
    expect(stage.network.requests).toBe(requests);
    expect(stage.network.server.size).toBe(0);
  });

  it('is told by a server that closed while nothing carried the session', () => {
    const stage = new Stage({}, { closeTimeout: 5_000 });
    stage.until(() => stage.isOpen);
    stage.network.blocked.add('socket').add('request');
    stage.client.loseCarrier();
    stage.sessions[0]!.close(3001, 'moved');
    stage.time.pass(30_000);
    stage.network.blocked.clear();
    stage.until(() => stage.end !== undefined, 60_000);
    expect(stage.end).toEqual({ code: 3001, reason: 'moved', wasClean: true, initiator: 'remote' });
    stage.time.pass(100);
    expect(stage.serverEnds).toEqual([{ code: 3001, reason: 'moved', wasClean: true, initiator: 'local' }]);
  });

  it('does not wait for ever for a server that is away', () => {
    const stage = new Stage({ closeTimeout: 5_000 });
    stage.until(() => stage.isOpen);
    stage.network.blocked.add('socket').add('request');
    stage.client.loseCarrier();
    stage.client.close(1000, '');
    expect(stage.until(() => stage.end !== undefined)).toBeLessThanOrEqual(5_000);
    expect(stage.end).toMatchObject({ code: 1006, wasClean: false });
  });
});

it('A million messages leave nothing behind at either end', { timeout: 60_000 }, () => {
  const stage = new Stage({ carriers: ['websocket'] });
  stage.until(() => stage.isOpen);
  let sent = 0;
  for (let round = 0; round < 1_000; round++) {
    for (let count = 0; count < 1_000; count++) stage.client.send(`message ${sent++}`);
    stage.until(() => stage.received.length === 1_000, 60_000);
    stage.received.length = 0;
  }
  expect(sent).toBe(1_000_000);
  stage.time.pass(5_000);
  expect(stage.client.outgoing.length).toBe(0);
  expect(stage.sessions[0]!.kept).toBe(0);
});
