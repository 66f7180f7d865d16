import { describe, expect, it } from 'vitest';
import { amqp, chooseProtocol, findSubprotocol, mqtt, rawSubprotocol, stomp, subprotocols } from './index.js';

describe('the list of subprotocols', () => {
  it('has those that are told apart by name', () => {
    expect(subprotocols.map(({ name }) => findSubprotocol(name))).toEqual([stomp, mqtt, amqp]);
    expect(findSubprotocol('xmpp')).toBeUndefined();
  });
});

describe('chooseProtocol', () => {
  it.each([
    [
      'the best that is offered, in whatever order',
      stomp,
      ['v10.stomp', 'v12.stomp', 'v11.stomp'],
      'v12.stomp',
    ],
    ['the one that fits', stomp, ['chat', 'v10.stomp'], 'v10.stomp'],
    ['none where none is offered and none is needed', amqp, [], undefined],
    ['none for a protocol without tokens', rawSubprotocol(), [], undefined],
  ])('agrees on %s', (_, subprotocol, offered, protocol) => {
    expect(chooseProtocol(subprotocol, offered)).toEqual({ protocol });
  });

  it.each([
    [
      'whose tokens all do not fit',
      stomp,
      ['chat', 'V12.STOMP'],
      'Offer one of these subprotocols, or none, for stomp: v12.stomp, v11.stomp, v10.stomp',
    ],
    [
      'that has to offer one and offers none',
      mqtt,
      [],
      'Offer one of these subprotocols for mqtt: mqtt, mqttv3.1',
    ],
    [
      'that offers something where nothing is known',
      rawSubprotocol(),
      ['chat'],
      'Offer no subprotocol for raw',
    ],
  ])('refuses a client %s, and says what to offer', (_, subprotocol, offered, refusal) => {
    expect(chooseProtocol(subprotocol, offered)).toEqual({ refusal });
  });
});
