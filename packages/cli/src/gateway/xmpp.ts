// Placeholder until the codec is there: replace this file.
import type { Codec, CodecEnds, CodecOptions } from './codec.js';

export class XmppCodec implements Codec {
  messagesFromClient = 0;
  messagesFromServer = 0;
  constructor(_options: CodecOptions & { starttls: string }, _ends: CodecEnds) {
    throw new Error('XMPP is not there yet');
  }
  fromClient(): void {}
  fromServer(): void {}
  onServerEnd() {
    return { code: 1000, reason: '' };
  }
}
