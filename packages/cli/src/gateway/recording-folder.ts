import { mkdir, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/** The names of recordings, see `recording.ts`. Nothing else in the folder is ever touched. */
export const RECORDING_NAME = /^\d{8}T\d{6}\.\d{3}Z-[\da-f]{32}\.ndjson$/;

/** Recordings that are kept at most, however small they are. */
const MAX_FILES = 100_000;
/** After how long the folder is looked at again, for others may write there and delete, milliseconds. */
const SCAN_INTERVAL = 60_000;

/** A folder of recordings, whose sizes have a limit together: the oldest go when there is more. */
export class RecordingFolder {
  readonly #path: string;
  readonly #maxBytes: number;
  /** The size of each recording, the oldest first. */
  #sizes = new Map<string, number>();
  #total = 0;
  /** Those that are being written. */
  readonly #open = new Set<string>();
  #scanned = -Infinity;
  #scan: Promise<void> | undefined;

  constructor(path: string, maxBytes: number) {
    this.#path = path;
    this.#maxBytes = maxBytes;
  }

  /** Makes the folder if there is none, for its owner alone, and looks what is in it, unless that was done lately. */
  async prepare(): Promise<void> {
    if (performance.now() - this.#scanned < SCAN_INTERVAL) return;
    this.#scan ??= this.#look().finally(() => (this.#scan = undefined));
    await this.#scan;
  }

  /**
   * Takes `count` bytes for the recording `name`, and deletes the oldest for them if need be.
   *
   * @returns whether there is room.
   */
  makeRoom(name: string, count: number): boolean {
    this.#open.add(name);
    const size = this.#sizes.get(name) ?? 0;
    for (const [other, otherSize] of this.#sizes) {
      if (this.#total + count <= this.#maxBytes && this.#sizes.size < MAX_FILES) break;
      if (!this.#open.has(other)) this.#delete(other, otherSize);
    }
    if (this.#total + count > this.#maxBytes) return false;
    this.#sizes.set(name, size + count);
    this.#total += count;
    return true;
  }

  /** Nothing more is written to this recording. */
  finish(name: string): void {
    this.#open.delete(name);
  }

  async #look(): Promise<void> {
    await mkdir(this.#path, { recursive: true, mode: 0o700 });
    const found = new Map<string, number>();
    const names = (await readdir(this.#path)).filter((name) => RECORDING_NAME.test(name)).toSorted();
    for (const name of names) {
      // What is gone meanwhile has no size.
      const size = await stat(join(this.#path, name)).then(
        (stats) => stats.size,
        () => undefined,
      );
      if (size !== undefined) found.set(name, size);
    }
    // What has been written here meanwhile is known better.
    for (const name of this.#open) {
      const size = this.#sizes.get(name);
      if (size !== undefined) found.set(name, size);
    }
    this.#sizes = found;
    this.#total = [...found.values()].reduce((total, size) => total + size, 0);
    this.#scanned = performance.now();
  }

  #delete(name: string, size: number): void {
    this.#sizes.delete(name);
    this.#total -= size;
    // One that cannot be deleted is found again at the next look.
    void unlink(join(this.#path, name)).catch(() => {});
  }
}
