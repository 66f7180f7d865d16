import { useState } from 'preact/hooks';
import { useStore } from '../../../store.js';
import { ConsoleFrame } from '../parts/console-frame.js';
import { ActionForm, BodyRow } from '../parts/fields.js';
import { parseHex, type EchoConsole } from './echo-console.js';

type Form = 'text' | 'hex';

export function EchoPanel({ model }: { readonly model: EchoConsole }) {
  const isOpen = useStore(model.wire.state).phase === 'open';
  return (
    <ConsoleFrame
      model={model}
      invitation={
        <p>
          Connect and send something. The gateway hands its bytes to a server that speaks plain TCP, which
          sends them back.
        </p>
      }
    >
      <SendForm model={model} isOpen={isOpen} />
    </ConsoleFrame>
  );
}

const encoder = new TextEncoder();

function SendForm({ model, isOpen }: { readonly model: EchoConsole; readonly isOpen: boolean }) {
  const [body, setBody] = useState('');
  const [form, setForm] = useState<Form>('text');
  const bytes = form === 'hex' ? parseHex(body) : encoder.encode(body);
  const canSend = isOpen && body !== '' && bytes !== undefined;
  const send = (): void => {
    if (!canSend) return;
    model.send(bytes);
    setBody('');
  };
  return (
    <ActionForm title="Send" onSubmit={send}>
      <fieldset class="choice">
        <legend class="field-label">Written as</legend>
        <FormChoice name="Text" form="text" chosen={form} choose={setForm} />
        <FormChoice name="Hexadecimal" form="hex" chosen={form} choose={setForm} />
      </fieldset>
      <BodyRow label="Bytes" value={body} onInput={setBody} action="Send" canSend={canSend} send={send} />
      <p class="action-problem" role="alert">
        {body !== '' &&
          bytes === undefined &&
          'Bytes are pairs of the digits 0 to 9 and a to f, such as 0d 0a.'}
      </p>
    </ActionForm>
  );
}

function FormChoice(props: {
  readonly name: string;
  readonly form: Form;
  readonly chosen: Form;
  readonly choose: (form: Form) => void;
}) {
  return (
    <label class="check">
      <input
        type="radio"
        name="echo-form"
        checked={props.form === props.chosen}
        onChange={() => props.choose(props.form)}
      />
      {props.name}
    </label>
  );
}
