export function randomOf(seed: number): () => number;
export function nodesReached(nodes: number, subscribers: number): number;
export function throwSubscribers(
  nodes: number,
  subscribers: number,
  options: { readonly topics: number; readonly seed: number },
): { readonly mean: number; readonly most: number };
