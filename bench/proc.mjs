/** What Linux tells about a process: the same way for every server, whatever runs it. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';

/**
 * CPU time that all threads of a process have used, user and system, microseconds. `schedstat` counts
 * nanoseconds; `stat`, where the kernel lacks it, ticks of 10 ms.
 *
 * @param {number | 'self'} pid
 */
export function cpuMicros(pid) {
  if (!existsSync(`/proc/${pid}/schedstat`)) return cpuFromStat(pid);
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      nanoseconds += Number.parseInt(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1'), 10);
    } catch (error) {
      // A thread may end while the list is read.
      if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error;
    }
  }
  return nanoseconds / 1000;
}

/**
 * How long the main thread of a process has run and how long it was ready to run while something else had its
 * processor, microseconds. Undefined where the kernel does not count it.
 *
 * @param {number | 'self'} pid
 * @returns {{ ran: number, waited: number } | undefined}
 */
export function mainThread(pid) {
  if (!existsSync(`/proc/${pid}/schedstat`)) return undefined;
  const [ran, waited] = readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ');
  return { ran: Number(ran) / 1000, waited: Number(waited) / 1000 };
}

/** Resident memory, bytes. */
export function residentBytes(pid) {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  return Number(match[1]) * 1024;
}

/**
 * A process and those that it has started, and they in turn.
 *
 * @param {number} pid
 * @returns {number[]}
 */
export function processTree(pid) {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1').trim().split(' '),
  );
  return [pid, ...children.filter((child) => child !== '').flatMap((child) => processTree(Number(child)))];
}

/** Resident memory, bytes; of a page that several processes share (PSS) each has its part. */
export function proportionalBytes(pid) {
  const match = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'));
  return Number(match[1]) * 1024;
}

/** How many files and sockets a process has open. */
export function openFiles(pid) {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** The processors this process may use, lowest first. */
export function allowedCpus() {
  const match = /^Cpus_allowed_list:\s+(\S+)$/m.exec(readFileSync('/proc/self/status', 'latin1'));
  return match[1].split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

function cpuFromStat(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The name in parentheses may contain spaces; after it comes field 3. Fields 14 and 15 are wanted.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}
