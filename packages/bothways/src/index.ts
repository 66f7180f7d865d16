export { connect } from './node/connect.js';
export type { ConnectOptions } from './node/connect-options.js';
export { WebSocket } from './node/websocket.js';
export type { CloseEvent, ErrorEvent, WebSocketEventMap } from './node/events.js';
export { WebSocketStream, type WebSocketStreamOptions } from './node/websocket-stream.js';
export type { WebSocketOpenInfo } from './node/message-flow.js';
export { WebSocketError, type WebSocketCloseInfo } from './node/websocket-error.js';
export { toDuplex, type ToDuplexOptions } from './node/to-duplex.js';
export { serve, type Server, type ServerCloseOptions, type ServerMetrics } from './node/server.js';
export { admit, type Admission, type Decision } from './node/admission.js';
export { reject, type Rejection } from './node/rejection.js';
export type { CompressionOptions, ServerCompressionOptions } from './node/compression.js';
export type { ConnectionOptions, ServeOptions } from './node/options.js';
export type { ServerSessionOptions } from './node/session-options.js';
export type { ConnectionFunction, Handlers } from './node/handlers.js';
export type { Origins } from './protocol/origin.js';
export {
  ReadyState,
  type CarrierName,
  type CloseInfo,
  type Connection,
  type Data,
  type Message,
  type MessageSource,
  type MessageStream,
  type Position,
  type Recovery,
  type RequestInfo,
} from './protocol/contract.js';
export type { HistoryOptions, KeptMessage } from './pubsub/history.js';
export type { NodeInfo } from './pubsub/nodes.js';
export type { Member } from './pubsub/presence.js';
export { RightsError, type TopicRights } from './pubsub/subscriptions.js';
export * from './protocol/errors.js';
