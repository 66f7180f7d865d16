export type { Broker, BrokerNode } from './broker.js';
export { covers, matches } from './filter.js';
