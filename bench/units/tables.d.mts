import type { Needed, Units } from './model.mjs';

export function tablesOf(unit: Units): Readonly<Record<string, string>>;
export function fill(text: string, tables: Readonly<Record<string, string>>): string;
export function loadTable(loads: readonly { readonly name: string; readonly needed: Needed }[]): string;
