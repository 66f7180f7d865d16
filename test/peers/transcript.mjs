/** How a message is written down: `text:hello`, `binary:00ff`, and long ones by length and SHA-256. */
export async function describe(message) {
  const isText = typeof message === 'string';
  const kind = isText ? 'text' : 'binary';
  const bytes = isText ? new TextEncoder().encode(message) : message;
  if (bytes.length > 300) return `${kind}:${bytes.length} bytes, sha256 ${hex(await sha256(bytes))}`;
  return `${kind}:${isText ? message : hex(bytes)}`;
}

const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** What one end saw of one connection. The other end's transcript is asked for by the same `path`. */
export async function createTranscript(path, protocol, messages, close) {
  return { path, protocol, messages: await Promise.all(messages.map(describe)), close };
}

/** Cuts bytes into `count` pieces of nearly equal length, without regard to characters. */
export function cut(bytes, count) {
  const size = Math.ceil(bytes.length / count);
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}
