import type { ComponentChildren } from 'preact';

/** A label above what it is for. */
export function Field(props: { readonly label: string; readonly children: ComponentChildren }) {
  return (
    <label class="field">
      <span class="field-label">{props.label}</span>
      {props.children}
    </label>
  );
}

export function TextInput(props: {
  readonly value: string;
  readonly onInput: (value: string) => void;
  readonly maxLength?: number;
}) {
  return (
    <input
      class="input mono"
      autocomplete="off"
      autocapitalize="off"
      spellcheck={false}
      maxLength={props.maxLength ?? 200}
      value={props.value}
      onInput={(event) => props.onInput(event.currentTarget.value)}
    />
  );
}

/** What is to be sent, and the button that sends it; Enter does too. */
export function BodyRow(props: {
  readonly label: string;
  readonly value: string;
  readonly onInput: (value: string) => void;
  /** What the button says. */
  readonly action: string;
  readonly canSend: boolean;
  readonly send: () => void;
}) {
  return (
    <div class="action-row">
      <Field label={props.label}>
        <BodyInput value={props.value} onInput={props.onInput} send={props.send} />
      </Field>
      <button type="submit" class="button button-primary" disabled={!props.canSend}>
        {props.action}
      </button>
    </div>
  );
}

/** Several lines; Enter sends what is written. */
function BodyInput(props: {
  readonly value: string;
  readonly onInput: (value: string) => void;
  readonly send: () => void;
}) {
  return (
    <textarea
      class="input mono body-input"
      rows={2}
      maxLength={10_000}
      enterkeyhint="send"
      value={props.value}
      onInput={(event) => props.onInput(event.currentTarget.value)}
      onKeyDown={(event) => {
        // Enter also ends the composition of a Chinese or Japanese word; that one is not ours.
        if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
        event.preventDefault();
        props.send();
      }}
    />
  );
}

/** One thing that can be done, with its heading. */
export function ActionForm(props: {
  readonly title: string;
  readonly onSubmit: () => void;
  readonly children: ComponentChildren;
}) {
  return (
    <form
      class="action"
      aria-label={props.title}
      onSubmit={(event) => {
        event.preventDefault();
        props.onSubmit();
      }}
    >
      <h2 class="action-title">{props.title}</h2>
      {props.children}
    </form>
  );
}
