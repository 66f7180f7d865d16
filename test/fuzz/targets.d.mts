export interface Target {
  readonly name: string;
  /** Makes an input of random numbers: a `Random`. */
  generate(random: object): object;
  /** Throws when a property does not hold. */
  check(input: object): void | Promise<void>;
  /** Ends what it has started. */
  stop?(): Promise<void>;
}

export const TARGETS: readonly Target[];
export function targetOf(name: string): Target;
export function inputOf(target: Target, seed: number, run: number): object;
