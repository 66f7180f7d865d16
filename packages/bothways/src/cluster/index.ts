export { clusterBroker, type ClusterBrokerOptions } from './cluster-broker.js';
export { relayTopics } from './relay.js';
export { startWorkers, type StartWorkersOptions, type CloseWorkersOptions, type Workers } from './workers.js';
