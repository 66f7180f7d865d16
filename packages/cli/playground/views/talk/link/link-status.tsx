import type { ComponentType } from 'preact';
import { formatMilliseconds } from '../../../format.js';
import { ClosedIcon, ClosingIcon, ConnectingIcon, OpenIcon } from '../../../shell/icons.js';
import { useStore } from '../../../store.js';
import type { Link, LinkState } from './link.js';

const phases: Readonly<Record<LinkState['phase'], { readonly word: string; readonly Icon: ComponentType }>> =
  {
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
      <span class={`phase phase-${phase}`} role="status">
        <Icon />
        <span class="unseen">Connection: </span>
        {word}
      </span>
      <span class="link-url mono">{link.url}</span>
      <span class="link-round-trip numbers" title="Round-trip time: from a message to its answer">
        RTT {roundTrip === null ? '–' : formatMilliseconds(roundTrip)}
      </span>
    </div>
  );
}

/** Ends the connection. How to make one again is in the notice that says that there is none. */
export function DisconnectButton({ link }: { readonly link: Link }) {
  const { phase } = useStore(link.state);
  return (
    <button type="button" class="button" disabled={phase !== 'open'} onClick={() => link.disconnect()}>
      Disconnect
    </button>
  );
}
