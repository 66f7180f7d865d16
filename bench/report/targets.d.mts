export interface Target {
  readonly peer: string;
  readonly of: 'ratio' | 'difference';
  readonly most: number;
}

export function targetsOf(row: object): Target[];
export function judge(
  target: Target,
  entries: ReadonlyMap<string, { readonly costs: readonly number[] }>,
): { readonly measured: number; readonly isMet: boolean } | undefined;
