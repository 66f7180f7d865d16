/** How late a timer may be, milliseconds; it is never early. */
const TICK = 25;

/** How many ticks one turn of the wheel has; a power of two. A timer further away waits for a later turn. */
const SLOTS = 1024;

/** The tick of one whose deadline has passed and who has not been told yet. */
const RINGING = -1;

/**
 * Something with at most one deadline. It is a link of the wheel's lists itself, so that setting and clearing a
 * deadline allocates nothing and costs the same however many there are.
 */
export abstract class Timed {
  /** @internal */ wheelNext: Timed | undefined;
  /** @internal */ wheelPrevious: Timed | undefined;
  /** @internal The tick at which it is due; 0 when no deadline is set. */
  wheelTick = 0;

  /** Called once when the deadline has passed; it may set the next one. */
  abstract onDeadline(): void;
}

const slots: (Timed | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
/** The last tick whose slot was looked at. */
let current = tickOf(performance.now());
let count = 0;
let alarm: NodeJS.Timeout | undefined;
let alarmTick = Infinity;

/** Sets the one deadline of `timed`, in place of an earlier one. It does not keep the process alive. */
export function setDeadline(timed: Timed, milliseconds: number): void {
  clearDeadline(timed);
  const now = tickOf(performance.now());
  if (count === 0) current = now;
  timed.wheelTick = now + Math.ceil(milliseconds / TICK) + 1;
  const slot = timed.wheelTick & (SLOTS - 1);
  const head = slots[slot];
  timed.wheelNext = head;
  if (head !== undefined) head.wheelPrevious = timed;
  slots[slot] = timed;
  count++;
  if (timed.wheelTick < alarmTick) setAlarm(timed.wheelTick, now);
}

export function clearDeadline(timed: Timed): void {
  if (timed.wheelTick <= 0) {
    timed.wheelTick = 0;
    return;
  }
  const { wheelNext: next, wheelPrevious: previous } = timed;
  if (next !== undefined) next.wheelPrevious = previous;
  if (previous !== undefined) previous.wheelNext = next;
  else slots[timed.wheelTick & (SLOTS - 1)] = next;
  timed.wheelNext = undefined;
  timed.wheelPrevious = undefined;
  timed.wheelTick = 0;
  count--;
}

function tickOf(milliseconds: number): number {
  return Math.floor(milliseconds / TICK) + 1;
}

/** One timer of the platform for all: it rings at the first slot that has something in it. */
function setAlarm(tick: number, now: number): void {
  clearTimeout(alarm);
  alarmTick = tick;
  alarm = setTimeout(advance, (tick - now) * TICK);
  alarm.unref();
}

function advance(): void {
  alarmTick = Infinity;
  const now = tickOf(performance.now());
  // After a long sleep (a suspended machine) one turn looks at every slot; more would find nothing new.
  const first = Math.max(current + 1, now - SLOTS + 1);
  current = now;
  for (let tick = first; tick <= now; tick++) ring(tick & (SLOTS - 1), now);
  if (count > 0) setAlarm(nextOccupied(now), now);
}

function ring(slot: number, now: number): void {
  const due: Timed[] = [];
  for (let timed = slots[slot]; timed !== undefined; timed = timed.wheelNext) {
    if (timed.wheelTick <= now) due.push(timed);
  }
  for (const timed of due) {
    clearDeadline(timed);
    timed.wheelTick = RINGING;
  }
  for (const timed of due) {
    // One that rang before may have cleared this deadline, or set it anew.
    if (timed.wheelTick !== RINGING) continue;
    timed.wheelTick = 0;
    timed.onDeadline();
  }
}

/** The next tick whose slot is not empty; what is there may be due in a later turn, which is looked up again. */
function nextOccupied(now: number): number {
  for (let tick = now + 1; tick < now + SLOTS; tick++) {
    if (slots[tick & (SLOTS - 1)] !== undefined) return tick;
  }
  return now + SLOTS;
}
