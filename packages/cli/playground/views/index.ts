import type { ComponentType } from 'preact';
import { GatewayIcon, TalkIcon } from '../shell/icons.js';

export interface View {
  /** Its name in the address: `/talk`. */
  readonly id: string;
  readonly title: string;
  readonly Icon: ComponentType;
  /** What runs a server that is there for it, in a terminal. */
  readonly command: string;
  /** What it needs of that server, as a sentence goes on behind `It needs`. */
  readonly needs: string;
  /** Each view loads its own code, when it is first shown. */
  readonly load: () => Promise<ComponentType>;
}

export const talk: View = {
  id: 'talk',
  title: 'Talk',
  Icon: TalkIcon,
  command: 'bothways playground',
  needs: 'a room on the server in which windows meet',
  load: async () => (await import('./talk/talk-view.js')).TalkView,
};

const gateway: View = {
  id: 'gateway',
  title: 'Gateway',
  Icon: GatewayIcon,
  command: 'bothways gateway --demo',
  needs: 'a gateway with servers of STOMP and MQTT behind it',
  load: async () => (await import('./gateway/gateway-view.js')).GatewayView,
};

export const views: readonly View[] = [talk, gateway];
