import { useEffect, useRef, useState } from 'preact/hooks';
import { formatFullTime, formatSeconds } from '../../../format.js';
import { ChevronIcon, ToClientIcon, ToServerIcon } from '../../../shell/icons.js';
import type { EventLine, FrameLine } from './frame-log.js';
import { showPayload } from './payload.js';

/** A frame in one line; opened, with all its parts. */
export function FrameRow(props: { readonly line: FrameLine; readonly onToggle: () => void }) {
  const { line } = props;
  const [isOpen, setOpen] = useState(false);
  const { frame, from, at } = line;
  const row = useRef<HTMLLIElement>(null);
  useEffect(() => {
    // What was opened is to be seen, above all on a phone.
    if (isOpen) row.current?.scrollIntoView({ block: 'nearest' });
  }, [isOpen]);
  const payload = frame.payload && showPayload(frame.payload);
  return (
    <li ref={row} class={`frame frame-of-${from}`}>
      <details
        open={isOpen}
        onToggle={({ currentTarget }) => {
          setOpen(currentTarget.open);
          props.onToggle();
        }}
      >
        <summary class="frame-line">
          <time class="frame-time numbers" title={formatFullTime(at)}>
            {formatSeconds(at)}
          </time>
          <span class="frame-way">
            {from === 'client' ? <ToServerIcon /> : <ToClientIcon />}
            <span class="unseen">{from === 'client' ? 'To the server:' : 'To the client:'}</span>
          </span>
          <span class="frame-name mono">{frame.name}</span>
          <span class="frame-gist mono">
            {payload && <span class="frame-payload">{firstLine(payload.text)}</span>}
            <span class="frame-parts">{frame.summary.slice(frame.name.length)}</span>
          </span>
          <ChevronIcon />
        </summary>
        {isOpen && <FrameDetail line={line} />}
      </details>
    </li>
  );
}

function FrameDetail({ line: { frame } }: { readonly line: FrameLine }) {
  const payload = frame.payload && showPayload(frame.payload);
  return (
    <div class="frame-detail">
      {frame.fields.length > 0 && (
        <dl class="frame-fields mono">
          {frame.fields.map(([name, value], index) => (
            <div key={index} class="frame-field">
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
      {payload && (
        <>
          <p class="frame-kind">{payload.isHex ? 'Payload, hexadecimal' : 'Payload, text'}</p>
          <pre class="frame-body mono">{payload.text}</pre>
        </>
      )}
      {!payload && frame.fields.length === 0 && <p class="frame-kind">It has no headers and no payload.</p>}
    </div>
  );
}

/** Something that happened to the connection. */
export function EventRow({ line }: { readonly line: EventLine }) {
  return (
    <li class="frame-event">
      <time class="frame-time numbers" title={formatFullTime(line.at)}>
        {formatSeconds(line.at)}
      </time>
      <span>{line.text}</span>
    </li>
  );
}

function firstLine(text: string): string {
  const [line = ''] = text.split('\n', 1);
  return line.length < text.length ? `${line.slice(0, 200)} …` : line.slice(0, 200);
}
