export function simulateStorm(storm: {
  readonly clients: number;
  readonly cost: number;
  readonly free: number;
  readonly seed: number;
}): { readonly most: number; readonly all: number; readonly mostWaiting: number; readonly attempts: number };
