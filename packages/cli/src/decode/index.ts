export * from './decoder.js';
export type { Decoded, Field, Side } from './decoded.js';
