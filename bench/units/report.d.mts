export interface Figures {
  readonly date: string;
  readonly figures: Readonly<
    Record<string, { readonly median: number; readonly least: number; readonly most: number }>
  >;
}
export function toMarkdown(figures: Figures): string;
