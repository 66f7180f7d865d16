import { useEffect, useState } from 'preact/hooks';
import { Store } from '../store.js';
import { talk, views, type View } from '../views/index.js';

/** The last part of the path is the view's name: the pages may lie anywhere. */
function viewInAddress(): View {
  return views.find(({ id }) => location.pathname.endsWith(`/${id}`)) ?? talk;
}

const current = new Store(viewInAddress());
addEventListener('popstate', () => current.set(viewInAddress()));

/** The view that the address names. */
export function useViewInAddress(): View {
  const [view, setView] = useState(current.value);
  useEffect(() => current.watch(setView), []);
  return view;
}

/** Goes to a view by a link, unless the reader wants it somewhere else. */
export function follow(event: MouseEvent, view: View): void {
  const isElsewhere = event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
  if (isElsewhere) return;
  event.preventDefault();
  if (view !== viewInAddress()) history.pushState(null, '', `./${view.id}`);
  current.set(view);
}
