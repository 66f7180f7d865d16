/** The folder where they are kept. */
export const FINDINGS: string;
export function load(path: string): { target: string; note: string; input: object };
