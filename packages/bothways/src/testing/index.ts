export { startFaultProxy, type FaultProxy } from './fault-proxy.js';
export type {
  CutOptions,
  CutResponseOptions,
  Direction,
  FaultProxyOptions,
  ReorderOptions,
  RequestFaultOptions,
  StallOptions,
} from './fault-options.js';
