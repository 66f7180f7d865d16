import type { ComponentType } from 'preact';
import { TalkIcon } from '../shell/icons.js';

export interface View {
  /** Its name in the address, after the `#`. */
  readonly id: string;
  readonly title: string;
  readonly Icon: ComponentType;
  /** Each view loads its own code, when it is first shown. */
  readonly load: () => Promise<ComponentType>;
}

export const talk: View = {
  id: 'talk',
  title: 'Talk',
  Icon: TalkIcon,
  load: async () => (await import('./talk/talk-view.js')).TalkView,
};

export const views: readonly View[] = [talk];
