/** How cost grows along a curve, in words. */
import { count, figure, list } from './numbers.mjs';

/** A cliff: from one point to the next the cost of a unit grows this much more than the curve's shape says. */
const CLIFF = 1.6;
/** Ends that differ by less than this factor are called level. */
const LEVEL = 1.2;
/** A cost of less than this many times the smallest is called about the same. */
const SAME = 1.5;

/**
 * Where the cost grows faster than it should.
 *
 * @param {'flat' | 'linear'} shape
 * @param {readonly { x: number, cost: number }[]} points
 */
export function cliffsOf(shape, points) {
  return points.slice(1).flatMap((point, index) => {
    const before = points[index];
    const grown = point.cost / before.cost;
    const allowed = shape === 'flat' ? 1 : point.x / before.x;
    return grown > CLIFF * allowed ? [{ from: before.x, to: point.x, grown }] : [];
  });
}

/** One sentence about one server's curve. */
export function describeShape({ shape, unit, axis }, points) {
  if (points.length < 2) return '';
  const cliffs = cliffsOf(shape, points);
  const steps = cliffs.map(
    ({ from, to, grown }) => `${count(from)} to ${count(to)} (${grown.toFixed(1)} times)`,
  );
  const end = cliffs.length === 0 ? 'No cliff.' : `It grows too fast from ${list(steps)}.`;
  return `${shape === 'flat' ? describeFlat(unit, axis, points) : describeLinear(unit, points)} ${end}`;
}

function describeFlat(unit, axis, points) {
  const costs = points.map(({ cost }) => cost);
  const [least, most] = [Math.min(...costs), Math.max(...costs)];
  const [first, last] = [points[0], points.at(-1)];
  const ends = `${figure(first.cost)} ${unit} at ${count(first.x)} and ${figure(last.cost)} at ${count(last.x)} ${axis}`;
  if (most / least < SAME) return `Flat: ${ends}, between ${figure(least)} and ${figure(most)} everywhere.`;
  const between = `between ${figure(least)} and ${figure(most)}`;
  if (last.cost > first.cost / LEVEL && last.cost < first.cost * LEVEL)
    return `The ends are level: ${ends}, ${between}.`;
  const how = last.cost < first.cost ? 'falls' : `rises ${(last.cost / first.cost).toFixed(1)} times`;
  return `It ${how}: ${ends}, ${between}.`;
}

function describeLinear(unit, points) {
  const least = points[0].cost;
  const flat = points.findLast(({ cost }) => cost < 2 * least);
  const last = points.at(-1);
  const perKib = (last.cost / last.x) * 1024;
  return `Below twice the first cost (${figure(least)} ${unit}) up to ${count(flat.x)} bytes, then with the size: ${figure(perKib)} µs for each KiB at ${count(last.x)} bytes.`;
}
