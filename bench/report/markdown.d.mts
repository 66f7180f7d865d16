export function toMarkdown(
  results: readonly object[],
  curves: readonly object[],
  about: { readonly options: string; readonly findings: string },
): string;
