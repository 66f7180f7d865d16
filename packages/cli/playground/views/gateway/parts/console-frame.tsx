import type { ComponentChildren } from 'preact';
import { FrameLogPane } from '../log/frame-log-pane.js';
import { ConnectionBar } from './connection-bar.js';
import type { ConsoleModel } from './console-model.js';

/** A console: its connection above, what one can do beside what goes by. */
export function ConsoleFrame(props: {
  readonly model: ConsoleModel;
  /** What to do first, while nothing has gone by. */
  readonly invitation: ComponentChildren;
  readonly children: ComponentChildren;
}) {
  return (
    <>
      <ConnectionBar model={props.model} />
      <div class="console-actions">{props.children}</div>
      <FrameLogPane log={props.model.wire.log} invitation={props.invitation} />
    </>
  );
}
