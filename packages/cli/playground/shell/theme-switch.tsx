import { useStore } from '../store.js';
import { chooseTheme, theme, type Theme } from '../theme.js';
import { DarkIcon, LightIcon, SystemIcon } from './icons.js';

const next: Readonly<Record<Theme, Theme>> = { system: 'light', light: 'dark', dark: 'system' };
const names: Readonly<Record<Theme, string>> = {
  system: 'as the system',
  light: 'light',
  dark: 'dark',
};

/** One button that goes round: as the system, light, dark. */
export function ThemeSwitch() {
  const chosen = useStore(theme);
  const label = `Theme: ${names[chosen]}. Change to ${names[next[chosen]]}.`;
  return (
    <button
      type="button"
      class="button button-plain button-icon"
      aria-label={label}
      title={label}
      onClick={() => chooseTheme(next[chosen])}
    >
      {chosen === 'system' && <SystemIcon />}
      {chosen === 'light' && <LightIcon />}
      {chosen === 'dark' && <DarkIcon />}
    </button>
  );
}
