import { cleanName, limits } from '../../../src/talk/messages.js';

const nameKey = 'bothways.name';
const windowKey = 'bothways.talk.key';

const manners = ['Amber', 'Brisk', 'Calm', 'Clear', 'Early', 'Keen', 'Quiet', 'Swift', 'Tidal', 'Wry'];
const birds = [
  'Avocet',
  'Curlew',
  'Dunlin',
  'Heron',
  'Kestrel',
  'Lapwing',
  'Martin',
  'Petrel',
  'Swift',
  'Tern',
];

function pick(words: readonly string[]): string {
  return words[Math.floor(Math.random() * words.length)] ?? '';
}

/** The name used last time, or a random one. */
export function rememberedName(): string {
  const name = cleanName(localStorage.getItem(nameKey) ?? '').slice(0, limits.nameLength);
  if (name !== '') return name;
  const random = `${pick(manners)} ${pick(birds)}`;
  rememberName(random);
  return random;
}

export function rememberName(name: string): void {
  localStorage.setItem(nameKey, name);
}

export function randomMark(bytes: number): string {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * The secret by which the server knows this window again. It survives a reload; a duplicated window copies the
 * storage but was not reloaded, so it gets its own.
 */
export function windowSecret(): string {
  const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
  const stored = navigation?.type === 'reload' ? sessionStorage.getItem(windowKey) : null;
  const key = stored ?? randomMark(16);
  sessionStorage.setItem(windowKey, key);
  return key;
}
