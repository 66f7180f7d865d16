/** Everything that is fuzzed. A target makes an input from random numbers, and says whether it goes as it must. */
import { Random } from './random.mjs';
import * as anyStream from './targets/any-stream.mjs';
import * as clientSocket from './targets/client-socket.mjs';
import * as deflate from './targets/deflate.mjs';
import * as handshake from './targets/handshake.mjs';
import * as requestHead from './targets/request-head.mjs';
import * as serverSocket from './targets/server-socket.mjs';
import * as subprotocols from './targets/subprotocols.mjs';
import * as validStream from './targets/valid-stream.mjs';

/**
 * @typedef {object} Target
 * @property {string} name
 * @property {(random: Random) => object} generate
 * @property {(input: object) => void | Promise<void>} check throws when a property does not hold
 * @property {() => Promise<void>} [stop] ends what it has started
 */

/** @type {readonly Target[]} */
export const TARGETS = [
  validStream,
  anyStream,
  handshake,
  deflate,
  subprotocols,
  requestHead,
  serverSocket,
  clientSocket,
];

/** @returns {Target} */
export function targetOf(name) {
  const target = TARGETS.find((each) => each.name === name);
  if (target !== undefined) return target;
  throw new RangeError(
    `There is no target ${name}: it is one of ${TARGETS.map((each) => each.name).join(', ')}`,
  );
}

/** The input of one run: the same whenever it is asked for. */
export function inputOf(target, seed, run) {
  return target.generate(new Random(seed, target.name, run));
}
