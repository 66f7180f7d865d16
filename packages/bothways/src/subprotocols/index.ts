export * from './amqp.js';
export * from './choice.js';
export * from './contract.js';
export * from './message-splitter.js';
export * from './mqtt.js';
export * from './raw.js';
export * from './stomp.js';
