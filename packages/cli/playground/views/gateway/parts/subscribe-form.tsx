import { useState } from 'preact/hooks';
import { DismissIcon } from '../../../shell/icons.js';
import { useStore, type Store } from '../../../store.js';
import { ActionForm, Field, TextInput } from './fields.js';

/** What is subscribed to, and how to subscribe to more. */
export function SubscribeForm(props: {
  readonly label: string;
  readonly example: string;
  readonly isOpen: boolean;
  readonly subscriptions: Store<readonly string[]>;
  readonly subscribe: (topic: string) => void;
  readonly unsubscribe: (topic: string) => void;
}) {
  const [topic, setTopic] = useState(props.example);
  const subscriptions = useStore(props.subscriptions);
  return (
    <ActionForm title="Subscribe" onSubmit={() => props.isOpen && topic !== '' && props.subscribe(topic)}>
      <div class="action-row">
        <Field label={props.label}>
          <TextInput value={topic} onInput={setTopic} />
        </Field>
        <button
          type="submit"
          class="button"
          disabled={!props.isOpen || topic === '' || subscriptions.includes(topic)}
        >
          Subscribe
        </button>
      </div>
      {subscriptions.length === 0 ? (
        <p class="action-hint">Not subscribed to anything.</p>
      ) : (
        <ul class="topics" aria-label="Subscribed to">
          {subscriptions.map((one) => (
            <li key={one} class="topic">
              <span class="topic-name mono">{one}</span>
              <button
                type="button"
                class="topic-end"
                aria-label={`Unsubscribe from ${one}`}
                title="Unsubscribe"
                onClick={() => props.unsubscribe(one)}
              >
                <DismissIcon />
              </button>
            </li>
          ))}
        </ul>
      )}
    </ActionForm>
  );
}
