/** What each thing costs, by name: bytes, or microseconds of CPU time. */
export type Units = Readonly<Record<string, number>>;

export interface Load {
  readonly connections: number;
  readonly topics: number;
  readonly subscriptions: number;
  readonly subscribers: number | undefined;
  readonly rate: number;
  readonly fromServer: boolean;
  readonly carrier: 'websocket' | 'long-polling';
  readonly broker: 'redis' | 'nats';
  readonly arrivals: number;
  readonly shown: boolean;
  readonly relayed: boolean;
  readonly durable: boolean;
  readonly nodes: number | undefined;
}

export interface Needed {
  readonly nodes: number;
  readonly machines: number;
  readonly subscribers: number;
  readonly reached: number;
  /** If each server publishes and gets one message at a time. */
  readonly cores: number;
  /** If it is ten. */
  readonly coresTens: number;
  readonly share: number;
  readonly memory: number;
  readonly kernelMemory: number;
  readonly network: number;
  readonly brokerEach: number;
  readonly brokerTens: number;
  readonly brokerMemory: number;
  readonly resubscribe: number;
  readonly brokerNetwork: number;
}

export const FULL: number;
export const PER_PROCESS: number;
export const PER_MACHINE: number;
export const MAX_NODES: number;
export function need(unit: Units, load: Load): Needed;
export function brokerCost(unit: Units, broker: string, reached: number, together: 'Each' | 'Tens'): number;
export function gossip(
  unit: Units,
  broker: string,
  nodes: number,
): { readonly heard: number; readonly server: number; readonly broker: number; readonly start: number };
export function members(unit: Units, count: number): { readonly memory: number; readonly start: number };
export function fullAt(unit: Units, broker: string, reached: number, together: 'Each' | 'Tens'): number;
export function hotTopic(
  unit: Units,
  subscribers: number,
  perTick: number,
): { readonly busy: number; readonly rate: number };
