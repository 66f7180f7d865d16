import { WindowIcon } from '../../../shell/icons.js';

/** Two windows side by side are the shortest way to see both directions at work. */
export function OpenWindowButton() {
  const open = (): void => {
    window.open(location.href, '_blank', 'noopener,width=960,height=760');
  };
  return (
    <button type="button" class="button" onClick={open}>
      <WindowIcon />
      Open a second window
    </button>
  );
}
