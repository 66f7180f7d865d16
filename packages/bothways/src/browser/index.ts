export { Session, type BrowserSessionOptions } from './session.js';
export * from '../session/index.js';
export * from '../protocol/errors.js';
