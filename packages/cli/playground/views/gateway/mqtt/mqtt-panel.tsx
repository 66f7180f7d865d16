import { useState } from 'preact/hooks';
import { useStore } from '../../../store.js';
import { ConsoleFrame } from '../parts/console-frame.js';
import { ActionForm, BodyRow, Field, TextInput } from '../parts/fields.js';
import { SubscribeForm } from '../parts/subscribe-form.js';
import type { MqttConsole } from './mqtt-console.js';

export function MqttPanel({ model }: { readonly model: MqttConsole }) {
  const isOpen = useStore(model.wire.state).phase === 'open';
  return (
    <ConsoleFrame
      model={model}
      invitation={
        <p>
          Connect, subscribe to <code>demo/#</code>, which is every topic below <code>demo</code>, and publish
          to <code>demo/hello</code>. In a second window it arrives as a PUBLISH.
        </p>
      }
    >
      <SubscribeForm
        label="Topic filter"
        example="demo/#"
        isOpen={isOpen}
        subscriptions={model.subscriptions}
        subscribe={(filter) => model.subscribe(filter)}
        unsubscribe={(filter) => model.unsubscribe(filter)}
      />
      <PublishForm model={model} isOpen={isOpen} />
    </ConsoleFrame>
  );
}

const qualities = [
  [0, 'At most once (0)'],
  [1, 'At least once (1)'],
  [2, 'Exactly once (2)'],
] as const;

function PublishForm({ model, isOpen }: { readonly model: MqttConsole; readonly isOpen: boolean }) {
  const [topic, setTopic] = useState('demo/hello');
  const [body, setBody] = useState('');
  const [qos, setQos] = useState<0 | 1 | 2>(0);
  const [retain, setRetain] = useState(false);
  // MQTT 3.1.1 section 4.7.1.1: wildcards are for subscriptions.
  const hasWildcard = /[+#]/.test(topic);
  const canPublish = isOpen && topic !== '' && !hasWildcard && body !== '';
  const publish = (): void => {
    if (!canPublish) return;
    model.publish({ topic, body, qos, retain });
    setBody('');
  };
  return (
    <ActionForm title="Publish" onSubmit={publish}>
      <Field label="Topic">
        <TextInput value={topic} onInput={setTopic} />
      </Field>
      {hasWildcard && (
        <p class="action-problem" role="alert">
          A topic that is published to has no + and no #.
        </p>
      )}
      <div class="action-row">
        <Field label="Quality of service">
          <select
            class="input"
            value={qos}
            onChange={({ currentTarget }) => setQos(Number(currentTarget.value) as 0 | 1 | 2)}
          >
            {qualities.map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        </Field>
        <label class="check">
          <input
            type="checkbox"
            checked={retain}
            onChange={({ currentTarget }) => setRetain(currentTarget.checked)}
          />
          Retain
        </label>
      </div>
      <BodyRow
        label="Text"
        value={body}
        onInput={setBody}
        action="Publish"
        canSend={canPublish}
        send={publish}
      />
    </ActionForm>
  );
}
