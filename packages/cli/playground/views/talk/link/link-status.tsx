import type { ComponentType } from 'preact';
import { formatMilliseconds } from '../../../format.js';
import { ClosedIcon, ClosingIcon, ConnectingIcon, OpenIcon } from '../../../shell/icons.js';
import { useStore } from '../../../store.js';
import type { Link, LinkState } from './link.js';

const phases: Readonly<Record<LinkState['phase'], { readonly word: string; readonly Icon: ComponentType }>> = {
  connecting: { word: 'Connecting', Icon: ConnectingIcon },
  open: { word: 'Open', Icon: OpenIcon },
  closing: { word: 'Closing', Icon: ClosingIcon },
  closed: { word: 'Closed', Icon: ClosedIcon },
};

/** The connection's state with an icon and a word, its address and its round-trip time. */
export function LinkStatus({ link }: { readonly link: Link }) {
  const { phase, roundTrip } = useStore(link.state);
  const { word, Icon } = phases[phase];
  return (
    <div class="link-status">
      <span class={`link-phase link-phase-${phase}`} role="status">
        <Icon />
        <span class="unseen">Connection: </span>
        {word}
      </span>
      <span class="link-url mono">{link.url}</span>
      <span class="link-round-trip numbers" title="Round trip: from a message to its answer">
        <span class="unseen">Round trip: </span>
        {roundTrip === null ? '–' : formatMilliseconds(roundTrip)}
      </span>
    </div>
  );
}

/** Ends the connection, or makes a new one. */
export function LinkSwitch({ link }: { readonly link: Link }) {
  const { phase } = useStore(link.state);
  const connected = phase === 'open' || phase === 'closing';
  return (
    <button
      type="button"
      class="button link-switch"
      disabled={phase === 'closing' || phase === 'connecting'}
      onClick={() => (connected ? link.disconnect() : link.connect())}
    >
      {connected ? 'Disconnect' : 'Connect'}
    </button>
  );
}
