import type { Direction } from './fault-options.js';
import type { Faults } from './faults.js';
import type { RequestOrder } from './request-order.js';
import type { UnseenResponses } from './unseen-responses.js';

/** What the connections of a proxy have in common. */
export interface ProxyState {
  readonly faults: Faults;
  readonly order: RequestOrder;
  readonly unseen: UnseenResponses;
  /** How much has been passed on, bytes. */
  readonly traffic: Record<Direction, number>;
}
