export { Session, type NodeSessionOptions } from './session.js';
export * from '../session/index.js';
export * from '../protocol/errors.js';
