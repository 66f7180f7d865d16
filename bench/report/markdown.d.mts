export function toMarkdown(results: readonly object[], curves: readonly object[], options: string): string;
