/**
 * Masking in 128-bit vectors, in AssemblyScript. The build makes WebAssembly of it, which
 * `src/protocol/mask-kernel.ts` loads.
 */

/**
 * XORs `memory[at, at + length)` with the key, repeated (RFC 6455 section 5.3).
 *
 * @param key 32 bits whose lowest byte belongs to the first byte.
 */
export function mask(at: usize, length: usize, key: u32): void {
  const end = at + length;
  const keys = i32x4.splat(key);
  for (; at + 64 <= end; at += 64) {
    v128.store(at, v128.xor(v128.load(at), keys));
    v128.store(at, v128.xor(v128.load(at, 16), keys), 16);
    v128.store(at, v128.xor(v128.load(at, 32), keys), 32);
    v128.store(at, v128.xor(v128.load(at, 48), keys), 48);
  }
  for (; at + 16 <= end; at += 16) v128.store(at, v128.xor(v128.load(at), keys));
  for (; at + 4 <= end; at += 4) store<u32>(at, load<u32>(at) ^ key);
  for (; at < end; at++) {
    store<u8>(at, load<u8>(at) ^ (key as u8));
    key >>= 8;
  }
}
