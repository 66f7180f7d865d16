import { WindowIcon } from '../../../shell/icons.js';

function openWindow(): void {
  window.open(location.href, '_blank', 'noopener,width=960,height=760');
}

/** Two windows side by side are the shortest way to see both directions at work. */
export function OpenWindowButton() {
  return (
    <button type="button" class="button" onClick={openWindow}>
      <WindowIcon />
      Open a second window
    </button>
  );
}
