/** The views that the server of this page is there for; all of them, where it does not say. */
async function ask(): Promise<readonly string[] | 'all'> {
  const answer = (await (await fetch('./server.json')).json()) as { readonly views: readonly string[] };
  return answer.views;
}

const offered = ask().catch(() => 'all' as const);

/** Whether the server of this page is there for a view. */
export async function isOffered(view: string): Promise<boolean> {
  const views = await offered;
  return views === 'all' || views.includes(view);
}
