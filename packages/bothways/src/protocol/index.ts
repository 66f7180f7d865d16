export * from './close.js';
export * from './connection.js';
export * from './contract.js';
export * from './errors.js';
export * from './frame.js';
export { mask } from './mask.js';
export type { Platform } from './platform.js';
export * from './utf8.js';
