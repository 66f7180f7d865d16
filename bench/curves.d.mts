import type { Row } from './rows.mjs';

export const CURVES: readonly {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly row: Row }[];
}[];
