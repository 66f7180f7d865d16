import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { useFollowing } from '../../../following.js';
import { formatCount } from '../../../format.js';
import { ToClientIcon, ToServerIcon } from '../../../shell/icons.js';
import { useStore } from '../../../store.js';
import { OpenWindowButton } from '../../talk/chat/open-window.js';
import type { FrameLog, FrameLogState } from './frame-log.js';
import { EventRow, FrameRow } from './frame-row.js';
import { showPayload } from './payload.js';

/** All that goes by, which stays at its end unless the reader has scrolled up. */
export function FrameLogPane(props: { readonly log: FrameLog; readonly invitation: ComponentChildren }) {
  const state = useStore(props.log.state);
  const [showsBeats, setShowsBeats] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const { atEnd, follow, toEnd } = useFollowing(box, [state, showsBeats]);
  const shown = state.lines.filter((line) => showsBeats || line.kind === 'event' || !line.isHeartBeat);
  return (
    <section class="frames" aria-label="What goes by">
      <header class="frames-head">
        <h2 class="action-title">Messages</h2>
        <Counts count={state.count} />
        <button
          type="button"
          class="button button-plain frames-toggle"
          aria-pressed={showsBeats}
          onClick={() => setShowsBeats(!showsBeats)}
        >
          Heart-beats
        </button>
        <button
          type="button"
          class="button button-plain"
          disabled={state.lines.length === 0}
          onClick={() => props.log.clear()}
        >
          Clear
        </button>
      </header>
      <div class="frames-frame">
        <div
          ref={box}
          class="frames-box"
          role="region"
          aria-label="Messages"
          // A region that scrolls must be reachable by keyboard.
          tabIndex={0}
          onScroll={follow}
        >
          {state.lines.length === 0 && <EmptyLog>{props.invitation}</EmptyLog>}
          <ol class="frames-list">
            {shown.map((line) =>
              line.kind === 'frame' ? (
                <FrameRow key={line.key} line={line} onToggle={follow} />
              ) : (
                <EventRow key={line.key} line={line} />
              ),
            )}
          </ol>
        </div>
        {!atEnd && (
          <button type="button" class="button frames-to-end" onClick={toEnd}>
            To the latest
          </button>
        )}
      </div>
      <p class="unseen" role="status">
        {spoken(state)}
      </p>
    </section>
  );
}

function Counts({ count }: Pick<FrameLogState, 'count'>) {
  return (
    <p class="frames-counts numbers">
      <ToServerIcon />
      <span class="unseen">To the server: </span>
      <span class="frames-count">{formatCount(count.client)}</span>
      <ToClientIcon />
      <span class="unseen">to the client: </span>
      <span class="frames-count">{formatCount(count.server)}</span>
    </p>
  );
}

function EmptyLog({ children }: { readonly children: ComponentChildren }) {
  return (
    <div class="frames-empty">
      <p class="frames-empty-title">Nothing has gone by yet</p>
      {children}
      <OpenWindowButton />
    </div>
  );
}

/** What has just come, for a screen reader. */
function spoken({ lines }: FrameLogState): string {
  const last = lines.at(-1);
  if (last?.kind !== 'frame' || last.from !== 'server' || !last.frame.payload) return '';
  return `${last.frame.name}: ${showPayload(last.frame.payload).text.slice(0, 200)}`;
}
