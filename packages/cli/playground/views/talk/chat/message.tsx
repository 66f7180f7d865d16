import type { ComponentChildren } from 'preact';
import type { Said } from '../../../../src/talk/messages.js';
import { formatDay, formatFullTime, formatTime } from '../../../format.js';
import { ToClientIcon, ToServerIcon } from '../../../shell/icons.js';
import type { TalkSession } from '../talk-session.js';
import type { Pending } from './chat-state.js';

export function DayLine({ at }: { readonly at: number }) {
  return <li class="log-day">{formatDay(at)}</li>;
}

export function EventLine({ text, at }: { readonly text: string; readonly at: number }) {
  return (
    <li class="log-event">
      <span dir="auto">{text}</span> <Time at={at} />
    </li>
  );
}

/** A message of one's own went to the server, one of somebody else came from it: the mark says which. */
export function SaidMessage(props: { readonly said: Said; readonly own: boolean; readonly goesOn: boolean }) {
  const { said, own, goesOn } = props;
  return (
    <li class={`message ${own ? 'message-own' : 'message-other'} ${goesOn ? 'message-goes-on' : ''}`}>
      <p class={goesOn ? 'unseen' : 'message-head'}>
        {own ? <ToServerIcon /> : <ToClientIcon />}
        <bdi class="message-name">{own ? 'You' : said.name}</bdi>
        <Time at={said.at} />
      </p>
      <MessageText title={formatFullTime(said.at)}>{said.text}</MessageText>
    </li>
  );
}

export function PendingMessage(props: { readonly pending: Pending; readonly session: TalkSession }) {
  const { pending, session } = props;
  return (
    <li class="message message-own message-pending">
      <p class="message-head">
        <ToServerIcon />
        <span class="message-name">You</span>
        <span class="message-state">{pending.refused === undefined ? 'Waiting to be sent' : 'Not sent'}</span>
      </p>
      <MessageText>{pending.text}</MessageText>
      {pending.refused !== undefined && (
        <p class="message-refused" role="alert">
          {pending.refused}
          <span class="message-actions">
            <button type="button" class="button" onClick={() => session.sayAgain(pending.ref)}>
              Send again
            </button>
            <button type="button" class="button" onClick={() => session.discard(pending.ref)}>
              Discard
            </button>
          </span>
        </p>
      )}
    </li>
  );
}

function MessageText(props: { readonly title?: string; readonly children: ComponentChildren }) {
  return (
    <p class="message-text" dir="auto" title={props.title}>
      {props.children}
    </p>
  );
}

function Time({ at }: { readonly at: number }) {
  return (
    <time class="numbers" dateTime={new Date(at).toISOString()}>
      {formatTime(at)}
    </time>
  );
}
