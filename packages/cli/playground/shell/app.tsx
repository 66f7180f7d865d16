import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { talk, views, type View } from '../views/index.js';
import { Rail } from './rail.js';

function viewInAddress(): View {
  return views.find(({ id }) => location.hash === `#${id}`) ?? talk;
}

function useViewInAddress(): View {
  const [view, setView] = useState(viewInAddress);
  useEffect(() => {
    const change = (): void => setView(viewInAddress());
    addEventListener('hashchange', change);
    return () => removeEventListener('hashchange', change);
  }, []);
  return view;
}

type Loaded =
  | { readonly view: View; readonly Component: ComponentType }
  | { readonly view: View; readonly failed: true }
  | undefined;

function useLoaded(view: View): Loaded {
  const [loaded, setLoaded] = useState<Loaded>(undefined);
  useEffect(() => {
    let current = true;
    view.load().then(
      (Component) => current && setLoaded({ view, Component }),
      () => current && setLoaded({ view, failed: true }),
    );
    return () => {
      current = false;
    };
  }, [view]);
  return loaded?.view === view ? loaded : undefined;
}

export function App() {
  const view = useViewInAddress();
  const loaded = useLoaded(view);
  return (
    <div class="shell">
      <Rail current={view} />
      <main class="main">
        {loaded && 'Component' in loaded && <loaded.Component />}
        {loaded && 'failed' in loaded && <LoadFailure view={view} />}
      </main>
    </div>
  );
}

function LoadFailure({ view }: { readonly view: View }) {
  return (
    <div class="failure" role="alert">
      <h1>{view.title} could not be loaded</h1>
      <p>Its code did not arrive: the server may be gone, or has been updated since this page was opened.</p>
      <button type="button" class="button" onClick={() => location.reload()}>
        Load the page again
      </button>
    </div>
  );
}
