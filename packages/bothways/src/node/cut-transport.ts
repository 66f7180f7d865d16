import type { Http2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';

/** RFC 8441 section 5: "RST_STREAM with the CANCEL error code" is what a reset is to TCP. */
const CANCEL = 0x8;

/** Ends what carries a connection at once, without what still waits to be sent. */
export function cutTransport(transport: Duplex): void {
  if ('rstCode' in transport) (transport as Http2Stream).close(CANCEL);
  transport.destroy();
}
