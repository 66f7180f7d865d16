/** A message on its way from one node to the others. */
export interface Envelope {
  /** The node that published it. */
  readonly node: string;
  /** How many that node had published before it, plus one. */
  readonly number: number;
  readonly data: string | Uint8Array;
}

/** One byte that says text or binary, the id of the node, and six bytes of number. */
const NODE_LENGTH = 11;
const HEADER = 1 + NODE_LENGTH + 6;
const TEXT = 0x54;
const BINARY = 0x42;

/** An envelope as bytes, which are a copy. */
export function seal(node: string, number: number, data: string | Uint8Array): Buffer {
  const length = typeof data === 'string' ? Buffer.byteLength(data) : data.length;
  const bytes = Buffer.allocUnsafe(HEADER + length);
  bytes[0] = typeof data === 'string' ? TEXT : BINARY;
  bytes.write(node, 1, 'latin1');
  bytes.writeUIntBE(number, 1 + NODE_LENGTH, 6);
  if (typeof data === 'string') bytes.write(data, HEADER);
  else bytes.set(data, HEADER);
  return bytes;
}

/** @returns `undefined` for what is none: somebody else has published there. */
export function unseal(bytes: Buffer): Envelope | undefined {
  if (bytes.length < HEADER || (bytes[0] !== TEXT && bytes[0] !== BINARY)) return undefined;
  const content = bytes.subarray(HEADER);
  return {
    node: bytes.toString('latin1', 1, 1 + NODE_LENGTH),
    number: bytes.readUIntBE(1 + NODE_LENGTH, 6),
    data: bytes[0] === TEXT ? content.toString() : content,
  };
}
