export interface Row {
  readonly name: string;
  readonly group: string;
  readonly kind: string;
  readonly mode?: string;
  readonly unit: string;
  readonly servers: readonly string[];
  readonly shows: string;
  readonly job: Readonly<Record<string, unknown>>;
}

export const GROUPS: Readonly<Record<string, string>>;
export const ROWS: readonly Row[];
