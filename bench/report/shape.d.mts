export interface Point {
  readonly x: number;
  readonly cost: number;
}

export function cliffsOf(
  shape: 'flat' | 'linear',
  points: readonly Point[],
): { readonly from: number; readonly to: number; readonly grown: number }[];
export function describeShape(
  curve: { readonly shape: 'flat' | 'linear'; readonly unit: string; readonly axis: string },
  points: readonly Point[],
): string;
