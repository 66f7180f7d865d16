import type { View } from '../views/index.js';

/** A view for which the server of this page is not there. */
export function NotHere({ view }: { readonly view: View }) {
  return (
    <div class="failure">
      <h1>{view.title} is not served here</h1>
      <p>It needs {view.needs}. Run this in a terminal, and open the address that it prints:</p>
      <pre class="command" tabIndex={0}>
        <code>{view.command}</code>
      </pre>
      <p class="failure-more">
        If it says that the port is taken, end what runs now, or choose another port.
      </p>
    </div>
  );
}
