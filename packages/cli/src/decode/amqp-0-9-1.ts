import { ByteReader } from './byte-reader.js';
import {
  countBytes,
  decoded,
  hexOf,
  lenientTextOf,
  Malformed,
  MAX_VALUE,
  type Decoded,
  type Field,
} from './decoded.js';

/** Decodes one frame of AMQP 0-9-1: type, channel, size, payload and frame-end (section 4.2.3). */
export function decodeOldFrame(frame: Uint8Array): Decoded {
  const reader = new ByteReader(frame);
  const type = reader.uint8();
  const channel = reader.uint16();
  const payload = reader.take(reader.uint32());
  switch (type) {
    case 1:
      return decodeMethod(payload, channel);
    case 2:
      return decodeHeader(payload, channel);
    case 3:
      return decoded(
        'body',
        `body channel=${channel} ${countBytes(payload.length)}`,
        channelField(channel),
        payload,
      );
    case 8:
      return decoded('heartbeat', 'heartbeat', []);
    default:
      throw new Malformed(`there is no frame of type ${type} in AMQP 0-9-1`);
  }
}

/** The methods: number, name, and arguments with their types. A `?` is a bit; bits in a row share their bytes. */
const METHODS = `
10.10 Connection.Start version-major:o version-minor:o server-properties:t mechanisms:S locales:S
10.11 Connection.StartOk client-properties:t mechanism:s response:S locale:s
10.20 Connection.Secure challenge:S
10.21 Connection.SecureOk response:S
10.30 Connection.Tune channel-max:h frame-max:l heartbeat:h
10.31 Connection.TuneOk channel-max:h frame-max:l heartbeat:h
10.40 Connection.Open virtual-host:s reserved-1:s reserved-2:?
10.41 Connection.OpenOk reserved-1:s
10.50 Connection.Close reply-code:h reply-text:s class-id:h method-id:h
10.51 Connection.CloseOk
10.60 Connection.Blocked reason:s
10.61 Connection.Unblocked
10.70 Connection.UpdateSecret new-secret:S reason:s
10.71 Connection.UpdateSecretOk
20.10 Channel.Open reserved-1:s
20.11 Channel.OpenOk reserved-1:S
20.20 Channel.Flow active:?
20.21 Channel.FlowOk active:?
20.40 Channel.Close reply-code:h reply-text:s class-id:h method-id:h
20.41 Channel.CloseOk
30.10 Access.Request realm:s exclusive:? passive:? active:? write:? read:?
30.11 Access.RequestOk ticket:h
40.10 Exchange.Declare reserved-1:h exchange:s type:s passive:? durable:? auto-delete:? internal:? no-wait:? arguments:t
40.11 Exchange.DeclareOk
40.20 Exchange.Delete reserved-1:h exchange:s if-unused:? no-wait:?
40.21 Exchange.DeleteOk
40.30 Exchange.Bind reserved-1:h destination:s source:s routing-key:s no-wait:? arguments:t
40.31 Exchange.BindOk
40.40 Exchange.Unbind reserved-1:h destination:s source:s routing-key:s no-wait:? arguments:t
40.51 Exchange.UnbindOk
50.10 Queue.Declare reserved-1:h queue:s passive:? durable:? exclusive:? auto-delete:? no-wait:? arguments:t
50.11 Queue.DeclareOk queue:s message-count:l consumer-count:l
50.20 Queue.Bind reserved-1:h queue:s exchange:s routing-key:s no-wait:? arguments:t
50.21 Queue.BindOk
50.30 Queue.Purge reserved-1:h queue:s no-wait:?
50.31 Queue.PurgeOk message-count:l
50.40 Queue.Delete reserved-1:h queue:s if-unused:? if-empty:? no-wait:?
50.41 Queue.DeleteOk message-count:l
50.50 Queue.Unbind reserved-1:h queue:s exchange:s routing-key:s arguments:t
50.51 Queue.UnbindOk
60.10 Basic.Qos prefetch-size:l prefetch-count:h global:?
60.11 Basic.QosOk
60.20 Basic.Consume reserved-1:h queue:s consumer-tag:s no-local:? no-ack:? exclusive:? no-wait:? arguments:t
60.21 Basic.ConsumeOk consumer-tag:s
60.30 Basic.Cancel consumer-tag:s no-wait:?
60.31 Basic.CancelOk consumer-tag:s
60.40 Basic.Publish reserved-1:h exchange:s routing-key:s mandatory:? immediate:?
60.50 Basic.Return reply-code:h reply-text:s exchange:s routing-key:s
60.60 Basic.Deliver consumer-tag:s delivery-tag:L redelivered:? exchange:s routing-key:s
60.70 Basic.Get reserved-1:h queue:s no-ack:?
60.71 Basic.GetOk delivery-tag:L redelivered:? exchange:s routing-key:s message-count:l
60.72 Basic.GetEmpty reserved-1:s
60.80 Basic.Ack delivery-tag:L multiple:?
60.90 Basic.Reject delivery-tag:L requeue:?
60.100 Basic.RecoverAsync requeue:?
60.110 Basic.Recover requeue:?
60.111 Basic.RecoverOk
60.120 Basic.Nack delivery-tag:L multiple:? requeue:?
85.10 Confirm.Select no-wait:?
85.11 Confirm.SelectOk
90.10 Tx.Select
90.11 Tx.SelectOk
90.20 Tx.Commit
90.21 Tx.CommitOk
90.30 Tx.Rollback
90.31 Tx.RollbackOk`;

interface Argument {
  readonly name: string;
  readonly type: string;
}

interface Method {
  readonly name: string;
  readonly arguments: readonly Argument[];
}

const methods: ReadonlyMap<string, Method> = new Map(
  METHODS.trim()
    .split('\n')
    .map((line): [string, Method] => {
      const [number = '', name = '', ...parts] = line.split(' ');
      return [number, { name, arguments: parts.map(argumentOf) }];
    }),
);

function argumentOf(part: string): Argument {
  const [name = '', type = ''] = part.split(':');
  return { name, type };
}

/** The properties of a message, the highest bit of the flags first (`basic` in the specification's XML). */
const PROPERTIES = (
  'content-type:s content-encoding:s headers:t delivery-mode:o priority:o correlation-id:s reply-to:s ' +
  'expiration:s message-id:s timestamp:L type:s user-id:s app-id:s cluster-id:s'
)
  .split(' ')
  .map(argumentOf);

function decodeMethod(payload: Uint8Array, channel: number): Decoded {
  const reader = new ByteReader(payload);
  const number = `${reader.uint16()}.${reader.uint16()}`;
  const method = methods.get(number);
  if (method === undefined) {
    return decoded(
      `method ${number}`,
      `method ${number}, which is not known`,
      channelField(channel),
      reader.rest(),
    );
  }
  const fields = channelField(channel);
  const values = readArguments(reader, method.arguments).filter(([name]) => !name.startsWith('reserved-'));
  fields.push(...values);
  return decoded(method.name, inOneLine(method.name, fields), fields);
}

/** Section 4.2.6.1: class, weight, body size, flags of the properties that follow, and these. */
function decodeHeader(payload: Uint8Array, channel: number): Decoded {
  const reader = new ByteReader(payload);
  reader.take(4);
  const size = reader.uint64();
  const flags = reader.uint16();
  const there = PROPERTIES.filter((_property, index) => (flags & (0x8000 >>> index)) !== 0);
  const fields: Field[] = [
    ...channelField(channel),
    ['body-size', String(size)],
    ...readArguments(reader, there),
  ];
  return decoded('header', inOneLine('header', fields), fields);
}

function channelField(channel: number): Field[] {
  return channel === 0 ? [] : [['channel', String(channel)]];
}

/** What is off or empty is left out. */
function inOneLine(name: string, fields: readonly Field[]): string {
  const shown = fields.filter(([, value]) => value !== 'false' && value !== '' && value !== '{}');
  return [name, ...shown.map(([field, value]) => `${field}=${value}`)].join(' ');
}

function readArguments(reader: ByteReader, parts: readonly Argument[]): Field[] {
  const fields: Field[] = [];
  let bits = 0;
  let bit = 8;
  for (const { name, type } of parts) {
    if (type !== '?') {
      bit = 8;
      fields.push([name, readArgument(reader, type)]);
      continue;
    }
    if (bit === 8) {
      bits = reader.uint8();
      bit = 0;
    }
    fields.push([name, String(((bits >>> bit++) & 1) === 1)]);
  }
  return fields;
}

/** The types by the letters that tables have for them where there is one (section 4.2.5). */
function readArgument(reader: ByteReader, type: string): string {
  switch (type) {
    case 'o':
      return String(reader.uint8());
    case 'h':
      return String(reader.uint16());
    case 'l':
      return String(reader.uint32());
    case 'L':
      return String(reader.uint64());
    case 's':
      return lenientTextOf(reader.take(reader.uint8()));
    case 'S':
      return lenientTextOf(reader.take(reader.uint32()));
    default:
      return showTable(reader.take(reader.uint32()), 0);
  }
}

/** Tables in tables that are looked into. */
const MAX_DEPTH = 4;

function showTable(bytes: Uint8Array, depth: number): string {
  if (bytes.length === 0) return '{}';
  if (depth === MAX_DEPTH) return '{…}';
  const reader = new ByteReader(bytes);
  let text = '';
  while (!reader.isAtEnd && text.length <= MAX_VALUE) {
    const name = lenientTextOf(reader.take(reader.uint8()));
    text += `${text === '' ? '' : ', '}${name}: ${showValue(reader, depth + 1)}`;
  }
  return `{${text}}`;
}

function showArray(bytes: Uint8Array, depth: number): string {
  if (depth === MAX_DEPTH) return '[…]';
  const reader = new ByteReader(bytes);
  let text = '';
  while (!reader.isAtEnd && text.length <= MAX_VALUE) {
    text += `${text === '' ? '' : ', '}${showValue(reader, depth + 1)}`;
  }
  return `[${text}]`;
}

/** A value of a table, by the letters that RabbitMQ and its clients use ("errata" of 0-9-1, section 3). */
function showValue(reader: ByteReader, depth: number): string {
  const letter = String.fromCharCode(reader.uint8());
  switch (letter) {
    case 't':
      return String(reader.uint8() !== 0);
    case 'b':
      return String(reader.int8());
    case 'B':
      return String(reader.uint8());
    case 's':
      return String(reader.int16());
    case 'u':
      return String(reader.uint16());
    case 'I':
      return String(reader.int32());
    case 'i':
      return String(reader.uint32());
    case 'l':
      return String(reader.int64());
    case 'T':
      return String(reader.uint64());
    case 'f':
      return String(reader.float32());
    case 'd':
      return String(reader.float64());
    case 'D':
      return decimalOf(reader.uint8(), reader.int32());
    case 'S':
      return lenientTextOf(reader.take(reader.uint32()));
    case 'x':
      return `0x${hexOf(reader.take(reader.uint32()))}`;
    case 'F':
      return showTable(reader.take(reader.uint32()), depth);
    case 'A':
      return showArray(reader.take(reader.uint32()), depth);
    case 'V':
      return 'null';
    default:
      throw new Malformed(`a table has a value of type ${letter}`);
  }
}

function decimalOf(scale: number, value: number): string {
  return scale === 0 ? String(value) : `${value}e-${scale}`;
}
