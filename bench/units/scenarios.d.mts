import type { Load } from './model.mjs';

export const USUAL: Load;
export const SCENARIOS: readonly { readonly name: string; readonly load: Load }[];
export const ROOMS: Load & { readonly nodes: number };
export const STORMS: readonly { readonly name: string; readonly clients: number; readonly free: number }[];
