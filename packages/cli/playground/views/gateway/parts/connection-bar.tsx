import { closeMeaning } from '../../../close-codes.js';
import { useStore } from '../../../store.js';
import { carrierNames, choices, type Choice } from '../wire/carrier.js';
import type { Ending, WireState } from '../wire/wire.js';
import type { ConsoleModel } from './console-model.js';
import { PhaseMark } from './phase-mark.js';

/** How to reach the gateway, and what has come of it. */
export function ConnectionBar({ model }: { readonly model: ConsoleModel }) {
  const state = useStore(model.wire.state);
  const choice = useStore(model.wire.choice);
  const { isInUse } = model.wire;
  return (
    <div class="connection">
      <label class="connection-carrier">
        <span class="unseen">Carrier</span>
        <select
          class="input"
          value={choice}
          disabled={isInUse}
          onChange={(event) => model.wire.choice.set(event.currentTarget.value as Choice)}
        >
          {choices.map(([value, name]) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {isInUse ? (
        <button
          type="button"
          class="button connection-button"
          disabled={state.phase === 'closing'}
          onClick={() => model.disconnect()}
        >
          Disconnect
        </button>
      ) : (
        <button type="button" class="button button-primary connection-button" onClick={() => model.connect()}>
          Connect
        </button>
      )}
      <div class="connection-state">
        <p class="connection-line">
          <PhaseMark phase={state.phase} />
          <Happening state={state} />
        </p>
        <p class="connection-line connection-more" role={isFailure(state) ? 'alert' : undefined}>
          <More
            state={state}
            url={choice === 'plain' ? model.wire.url : model.wire.url.replace(/^ws/, 'http')}
          />
        </p>
      </div>
    </div>
  );
}

function Happening({ state }: { readonly state: WireState }) {
  const { carrier, ending, phase } = state;
  if (phase === 'closed' && ending) {
    return (
      <span>
        <span class="mono">{ending.code}</span> {closeMeaning(ending.code)}
        {ending.reason !== '' && <span class="connection-reason"> “{ending.reason}”</span>}
      </span>
    );
  }
  return carrier ? <span>over {carrierNames[carrier]}</span> : null;
}

/** In plain state where it goes, and after a failure what to try. */
function More({ state, url }: { readonly state: WireState; readonly url: string }) {
  const { ending, phase, protocol, refusal } = state;
  if (refusal !== undefined) return <>The server says: {refusal}</>;
  if (phase === 'closed' && ending && !ending.wasAsked) return <>{advice(ending)}</>;
  return (
    <span class="mono">
      {url}
      {protocol !== '' && ` · ${protocol}`}
    </span>
  );
}

function isFailure({ phase, ending, refusal }: WireState): boolean {
  return refusal !== undefined || (phase === 'closed' && ending?.wasAsked === false);
}

function advice({ code, wasOpen }: Ending): string {
  if (code === 1011 || code === 1012 || code === 1013 || code === 1014) {
    return 'The gateway is there, the server behind it is not. Look at what the gateway logs.';
  }
  if (!wasOpen) return 'Look whether “bothways gateway --demo” still runs, then connect again.';
  return 'Connect to go on. What was published meanwhile has not come here.';
}
