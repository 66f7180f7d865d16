import { wasmPlatform } from './globals.js';
import { MASK_KERNEL_WASM } from './mask-kernel-wasm.js';

/** A half of the kernel's memory, bytes. */
const HALF = 64 * 1024;

/** Masking by WebAssembly in 128-bit vectors: several times as fast as any loop in JavaScript, but only in its memory. */
export interface MaskKernel {
  /** The kernel's memory, which never moves. */
  readonly buffer: ArrayBufferLike;
  /** Where a host may read from its transports: what lies here is masked where it is. */
  readonly readBlock: Uint8Array;
  /** Where bytes from elsewhere are copied in and out, and at which offset of `buffer` it is. */
  readonly scratch: Uint8Array;
  readonly scratchAt: number;
  /** XORs `buffer[at, at + length)` with the key, whose lowest byte belongs to the first byte. */
  mask(at: number, length: number, key: number): void;
}

/** The kernel, or `undefined` where WebAssembly or its vectors are missing or forbidden. */
export const maskKernel: MaskKernel | undefined = load();

function load(): MaskKernel | undefined {
  const wasm = wasmPlatform();
  if (wasm === undefined) return undefined;
  try {
    const { exports } = new wasm.Instance(new wasm.Module(MASK_KERNEL_WASM));
    const { buffer } = exports['memory'] as { readonly buffer: ArrayBufferLike };
    return {
      buffer,
      readBlock: new Uint8Array(buffer, 0, HALF),
      scratch: new Uint8Array(buffer, HALF, HALF),
      scratchAt: HALF,
      mask: exports['mask'] as MaskKernel['mask'],
    };
  } catch {
    // No vectors, no leave to compile, or no room for the memory: the loops in TypeScript do the same.
    return undefined;
  }
}
