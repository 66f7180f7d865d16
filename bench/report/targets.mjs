/** What the library wants of itself, and whether a run shows it. */
import { REFERENCE, median, ratioOf } from './numbers.mjs';

/** Groups in which no more CPU than the C++ servers is wanted. */
const LIKE_NATIVE = new Set(['messages', 'compressed', 'publish']);
/** Where many messages of such a size are in flight, more than one comes in a read, bytes. */
const SMALL = 16 * 1024;
/** How much more than a bare socket an idle connection may take, bytes. */
const IDLE_EXTRA = 1024;

/**
 * @typedef {object} Target
 * @property {string} peer with whom the reference is compared
 * @property {'ratio' | 'difference'} of what is compared
 * @property {number} most the largest that is wanted: of the ratio, or bytes more than the peer
 */

/** @returns {Target} */
function ratio(peer, most) {
  return { peer, of: 'ratio', most };
}

/**
 * @param {import('../rows.mjs').Row} row
 * @returns {Target[]}
 */
export function targetsOf({ group, kind, mode, job }) {
  if (kind === 'client') return [ratio('ws', 1), ratio('undici', 1)];
  if (kind === 'idle' && group === 'connections' && mode === undefined) {
    return [{ peer: 'net', of: 'difference', most: IDLE_EXTRA }];
  }
  if (kind === 'handshake') return [ratio('ws', 0.5), ratio('uws', 1), ratio('bun', 1)];
  if (!LIKE_NATIVE.has(group)) return [];
  const atOnce = job.inFlight ?? job.perTick;
  const natives = [ratio('uws', 1), ratio('bun', 1)];
  if (atOnce === 1) return [ratio('ws', 0.75), ...natives];
  return job.size < SMALL ? [ratio('ws', 0.25), ...natives] : natives;
}

/**
 * What a run shows of a target.
 *
 * @returns {{ measured: number, isMet: boolean } | undefined} `undefined` when one of the two was not measured
 */
export function judge(target, entries) {
  const measured =
    target.of === 'ratio' ? ratioOf(entries, target.peer)?.middle : differenceOf(entries, target.peer);
  // As precise as it is printed.
  return measured === undefined
    ? undefined
    : { measured, isMet: Math.round(measured * 100) / 100 <= target.most };
}

function differenceOf(entries, peer) {
  const own = median(entries.get(REFERENCE)?.costs ?? []);
  const other = median(entries.get(peer)?.costs ?? []);
  return own === undefined || other === undefined ? undefined : own - other;
}
