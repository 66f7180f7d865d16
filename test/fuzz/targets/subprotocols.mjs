/**
 * The bytes of STOMP, MQTT and AMQP, right and wrong: however they are cut, the messages are those that are found by
 * reading the whole, nothing throws but what is documented, and no more is kept than the limit.
 */
import {
  MessageFollower,
  MessageSplitter,
  findSubprotocol,
} from '../../../packages/bothways/dist/subprotocols/index.js';
import { randomCuts } from '../cuts.mjs';
import { must, mustEqual } from '../finding.mjs';
import { MODELS, PARTS } from '../subprotocol-models.mjs';

export const name = 'subprotocols';

const MAX_MESSAGE_SIZE = 200;

export function generate(random) {
  const protocol = random.pick(Object.keys(PARTS));
  const isOld = random.oneIn(2);
  const parts = random.list(random.below(12), (index) =>
    PARTS[protocol](random, { isFirst: index === 0, isOld }),
  );
  return {
    setup: { protocol, end: random.pick(['fromClient', 'fromServer']) },
    parts,
    cuts: randomCuts(random, parts),
  };
}

export function check({ setup: { protocol, end }, parts, cuts }) {
  const bytes = Buffer.concat(parts);
  const expected = MODELS[protocol](bytes, end)
    .filter(isBelowLimit)
    .map((message) => message.toString('hex'));
  const whole = split(protocol, end, [bytes]);
  const pieces = cutAt(bytes, cuts);
  const cut = split(protocol, end, pieces);
  mustEqual('bytes in one piece are misread', expected, whole.messages);
  mustEqual('bytes in pieces are misread', expected, cut.messages);
  must(
    (whole.error === undefined) === (cut.error === undefined),
    'it depends on the cut whether they are refused',
  );
  const follower = new MessageFollower(findSubprotocol(protocol)[end](), MAX_MESSAGE_SIZE);
  let ended = 0;
  const error = errorOf(() => pieces.forEach((piece) => (ended += follower.follow(piece))));
  must(error?.code === cut.error?.code, 'following refuses what splitting does not, or the other way round');
  must(error !== undefined || ended === expected.length, 'following counts other messages');
}

/** Behind one that is too large nothing comes any more. */
function isBelowLimit(_message, index, messages) {
  return messages.slice(0, index + 1).every(({ length }) => length <= MAX_MESSAGE_SIZE);
}

function split(protocol, end, pieces) {
  const splitter = new MessageSplitter(findSubprotocol(protocol)[end](), MAX_MESSAGE_SIZE);
  const messages = [];
  const error = errorOf(() => {
    for (const piece of pieces) {
      splitter.push(piece, (message) => messages.push(Buffer.from(message).toString('hex')));
      must(splitter.bufferedBytes <= MAX_MESSAGE_SIZE, 'more is kept than the limit');
      must(splitter.bufferedBytes === 0 || splitter.isWithin, 'something is kept of no message');
    }
  });
  return { messages, error };
}

function errorOf(call) {
  try {
    call();
    return undefined;
  } catch (error) {
    if (error.code === 'ERR_SUBPROTOCOL' && error.closeCode === 1002) return error;
    if (error.code === 'ERR_MESSAGE_TOO_BIG' && error.value === MAX_MESSAGE_SIZE) return error;
    throw error;
  }
}

function cutAt(bytes, cuts) {
  const edges = [0, ...cuts.filter((cut) => cut <= bytes.length).toSorted((a, b) => a - b), bytes.length];
  return edges.slice(1).map((to, index) => bytes.subarray(edges[index], to));
}
