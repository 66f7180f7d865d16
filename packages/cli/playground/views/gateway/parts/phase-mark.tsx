import type { ComponentType } from 'preact';
import { ClosedIcon, ClosingIcon, ConnectingIcon, OpenIcon, UnusedIcon } from '../../../shell/icons.js';
import type { Phase } from '../wire/wire.js';

export const phases: Readonly<Record<Phase, { readonly word: string; readonly Icon: ComponentType }>> = {
  unused: { word: 'Not connected', Icon: UnusedIcon },
  connecting: { word: 'Connecting', Icon: ConnectingIcon },
  open: { word: 'Open', Icon: OpenIcon },
  reconnecting: { word: 'Reconnecting', Icon: ConnectingIcon },
  closing: { word: 'Closing', Icon: ClosingIcon },
  closed: { word: 'Closed', Icon: ClosedIcon },
};

export function PhaseMark({ phase }: { readonly phase: Phase }) {
  const { word, Icon } = phases[phase];
  return (
    <span class={`phase phase-${phase}`} role="status">
      <Icon />
      <span class="unseen">Connection: </span>
      {word}
    </span>
  );
}
