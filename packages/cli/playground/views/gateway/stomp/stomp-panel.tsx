import { useState } from 'preact/hooks';
import { useStore } from '../../../store.js';
import { ConsoleFrame } from '../parts/console-frame.js';
import { ActionForm, BodyRow, Field, TextInput } from '../parts/fields.js';
import { SubscribeForm } from '../parts/subscribe-form.js';
import type { StompConsole } from './stomp-console.js';

const example = '/topic/demo';

export function StompPanel({ model }: { readonly model: StompConsole }) {
  const isOpen = useStore(model.wire.state).phase === 'open';
  return (
    <ConsoleFrame
      model={model}
      invitation={
        <p>
          Connect, subscribe to <code>{example}</code> and send a text to it. In a second window it arrives as
          a MESSAGE.
        </p>
      }
    >
      <SubscribeForm
        label="Destination"
        example={example}
        isOpen={isOpen}
        subscriptions={model.subscriptions}
        subscribe={(destination) => model.subscribe(destination)}
        unsubscribe={(destination) => model.unsubscribe(destination)}
      />
      <SendForm model={model} isOpen={isOpen} />
    </ConsoleFrame>
  );
}

function SendForm({ model, isOpen }: { readonly model: StompConsole; readonly isOpen: boolean }) {
  const [destination, setDestination] = useState(example);
  const [body, setBody] = useState('');
  const canSend = isOpen && destination !== '' && body !== '';
  const send = (): void => {
    if (!canSend) return;
    model.publish(destination, body);
    setBody('');
  };
  return (
    <ActionForm title="Send" onSubmit={send}>
      <Field label="To">
        <TextInput value={destination} onInput={setDestination} />
      </Field>
      <BodyRow label="Text" value={body} onInput={setBody} action="Send" canSend={canSend} send={send} />
    </ActionForm>
  );
}
