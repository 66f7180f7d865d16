import { useEffect, useMemo, useState } from 'preact/hooks';
import { BoardIcon, TalkIcon } from '../../shell/icons.js';
import { ThemeSwitch } from '../../shell/theme-switch.js';
import { useStore } from '../../store.js';
import { BoardPane } from './board/board-pane.js';
import { ChatPane } from './chat/chat-pane.js';
import { LinkNotice } from './link/link-notice.js';
import { DisconnectButton, LinkStatus } from './link/link-status.js';
import { NewsStrip } from './link/news-strip.js';
import { TrafficMeter } from './link/traffic-meter.js';
import { TalkSession } from './talk-session.js';
import './talk.css';
import './chat/chat.css';
import './board/board.css';

function endpointUrl(): string {
  return new URL('talk', location.href.replace(/^http/, 'ws')).href;
}

type Pane = 'chat' | 'board';

/** Chat beside a shared board; on a phone one of them at a time. */
export function TalkView() {
  const session = useMemo(() => new TalkSession(endpointUrl()), []);
  const [pane, setPane] = useState<Pane>('chat');
  useEffect(() => {
    session.start();
    return () => session.dispose();
  }, [session]);
  useReconnectWhenOnline(session);
  useUnread(session, pane);
  return (
    <div class={`talk talk-shows-${pane}`}>
      <header class="talk-bar">
        <h1 class="talk-title">Talk</h1>
        <LinkStatus link={session.link} />
        <TrafficMeter meter={session.meter} />
        <DisconnectButton link={session.link} />
        <div class="talk-theme">
          <ThemeSwitch />
        </div>
      </header>
      <div class="talk-strip">
        <NewsStrip news={session.news} />
        <LinkNotice link={session.link} />
      </div>
      <BoardPane session={session} />
      <ChatPane session={session} />
      <PaneTabs session={session} pane={pane} choose={setPane} />
    </div>
  );
}

function PaneTabs(props: {
  readonly session: TalkSession;
  readonly pane: Pane;
  readonly choose: (pane: Pane) => void;
}) {
  const unread = useStore(props.session.unread);
  return (
    <div class="talk-tabs" role="group" aria-label="What to show">
      <button
        type="button"
        class="talk-tab"
        aria-pressed={props.pane === 'chat'}
        onClick={() => props.choose('chat')}
      >
        <TalkIcon />
        <span>
          Chat{' '}
          {unread > 0 && (
            <span class="talk-unread numbers">
              {unread}
              <span class="unseen"> unread</span>
            </span>
          )}
        </span>
      </button>
      <button
        type="button"
        class="talk-tab"
        aria-pressed={props.pane === 'board'}
        onClick={() => props.choose('board')}
      >
        <BoardIcon />
        Board
      </button>
    </div>
  );
}

/** Below this width one pane is shown at a time; the style sheet says the same. */
const onePane = matchMedia('(max-width: 639px)');

/** Counts what arrives while the chat is out of sight, and shows the count in the title. */
function useUnread(session: TalkSession, pane: Pane): void {
  useEffect(() => {
    session.isChatSeen = () => !document.hidden && (pane === 'chat' || !onePane.matches);
    const look = (): void => {
      if (session.isChatSeen()) session.unread.set(0);
    };
    look();
    document.addEventListener('visibilitychange', look);
    onePane.addEventListener('change', look);
    return () => {
      document.removeEventListener('visibilitychange', look);
      onePane.removeEventListener('change', look);
    };
  }, [session, pane]);
  useEffect(() => {
    const name = (unread: number): void => {
      document.title = `${unread > 0 ? `(${unread}) ` : ''}Talk · Bothways`;
    };
    name(session.unread.value);
    return session.unread.watch(name);
  }, [session]);
}

/** A device that is back in the network need not wait for the next attempt. */
function useReconnectWhenOnline(session: TalkSession): void {
  useEffect(() => {
    const reconnect = (): void => {
      if (session.link.state.value.retryAt !== null) session.link.connect();
    };
    addEventListener('online', reconnect);
    return () => removeEventListener('online', reconnect);
  }, [session]);
}
