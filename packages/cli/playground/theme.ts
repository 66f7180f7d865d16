import { Store } from './store.js';

export type Theme = 'system' | 'light' | 'dark';

// The same key as in public/theme.js, which runs before the first paint.
const key = 'bothways.theme';
const systemIsDark = matchMedia('(prefers-color-scheme: dark)');

function readTheme(): Theme {
  const stored = localStorage.getItem(key);
  return stored === 'light' || stored === 'dark' ? stored : 'system';
}

/** What the user chose. */
export const theme = new Store<Theme>(readTheme());

/** What is shown: `theme`, with the system's preference looked up. */
export const shownTheme = new Store<'light' | 'dark'>(resolve());

function resolve(): 'light' | 'dark' {
  if (theme.value !== 'system') return theme.value;
  return systemIsDark.matches ? 'dark' : 'light';
}

export function chooseTheme(next: Theme): void {
  if (next === 'system') {
    localStorage.removeItem(key);
    delete document.documentElement.dataset['theme'];
  } else {
    localStorage.setItem(key, next);
    document.documentElement.dataset['theme'] = next;
  }
  theme.set(next);
  shownTheme.set(resolve());
}

systemIsDark.addEventListener('change', () => shownTheme.set(resolve()));
