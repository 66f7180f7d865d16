export const PER_TICK: readonly number[];
export const GROUPS: readonly {
  readonly title: string;
  readonly unit: 'bytes' | 'µs' | 'cores';
  readonly figures: readonly (readonly [key: string, title: string])[];
}[];
export const KEYS: readonly string[];
