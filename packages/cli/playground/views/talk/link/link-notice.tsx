import { useEffect, useState } from 'preact/hooks';
import { formatCount } from '../../../format.js';
import { ClosedIcon } from '../../../shell/icons.js';
import { useStore } from '../../../store.js';
import { closeMeaning } from '../../../close-codes.js';
import type { Closing, Link, LinkState } from './link.js';

/** While there is no connection: with which code it ended, why, and what happens next. */
export function LinkNotice({ link }: { readonly link: Link }) {
  const state = useStore(link.state);
  const { last, phase } = state;
  if (!last) return null;
  return (
    <section
      class={`link-notice ${last.asked ? '' : 'link-notice-bad'}`}
      aria-label="Why there is no connection"
    >
      <ClosedIcon />
      <p class="link-notice-text" role="status">
        <CloseReason last={last} />
        <span>What you write and draw is kept and sent later.</span>
      </p>
      <NextStep state={state} />
      <button type="button" class="button" disabled={phase === 'connecting'} onClick={() => link.connect()}>
        {last.asked ? 'Connect' : 'Reconnect now'}
      </button>
    </section>
  );
}

function CloseReason({ last }: { readonly last: Closing }) {
  if (last.asked) {
    return (
      <span>
        <strong>You disconnected</strong> (<span class="mono">{last.code}</span>, {closeMeaning(last.code)}
        ).{' '}
      </span>
    );
  }
  if (!last.wasOpen) {
    return (
      <span>
        <strong>The server cannot be reached</strong> (<span class="mono">{last.code}</span>).{' '}
      </span>
    );
  }
  return (
    <span>
      <strong>{closeMeaning(last.code)}</strong> (<span class="mono">{last.code}</span>
      {last.reason === '' ? '' : `, “${last.reason}”`}).{' '}
    </span>
  );
}

/** Counts the seconds down; they are not read out one by one. */
function NextStep({ state }: { readonly state: LinkState }) {
  const seconds = useSecondsUntil(state.retryAt);
  let text = 'It stays closed until you connect.';
  if (state.phase === 'connecting') text = `Attempt ${state.failures + 1} …`;
  else if (state.retryAt !== null) text = `Attempt ${state.failures + 1} in ${formatCount(seconds)} s`;
  return <span class="link-notice-next numbers">{text}</span>;
}

function useSecondsUntil(at: number | null): number {
  const [now, setNow] = useState(() => performance.now());
  useEffect(() => {
    setNow(performance.now());
    if (at === null) return undefined;
    const timer = setInterval(() => setNow(performance.now()), 250);
    return () => clearInterval(timer);
  }, [at]);
  return at === null ? 0 : Math.max(0, Math.ceil((at - now) / 1000));
}
