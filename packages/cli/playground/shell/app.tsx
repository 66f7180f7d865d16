import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { isOffered } from '../server.js';
import type { View } from '../views/index.js';
import { useViewInAddress } from './address.js';
import { NotHere } from './not-here.js';
import { Rail } from './rail.js';

type Loaded =
  | { readonly view: View; readonly Component: ComponentType }
  | { readonly view: View; readonly missing: 'code' | 'server' }
  | undefined;

function useLoaded(view: View): Loaded {
  const [loaded, setLoaded] = useState<Loaded>(undefined);
  useEffect(() => {
    let current = true;
    Promise.all([view.load(), isOffered(view.id)]).then(
      ([Component, isHere]) =>
        current && setLoaded(isHere ? { view, Component } : { view, missing: 'server' }),
      () => current && setLoaded({ view, missing: 'code' }),
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
  useEffect(() => {
    document.title = `${view.title} · Bothways`;
  }, [view]);
  return (
    <div class="shell">
      <Rail current={view} />
      <main class="main">
        {loaded && 'Component' in loaded && <loaded.Component />}
        {loaded && 'missing' in loaded && loaded.missing === 'server' && <NotHere view={view} />}
        {loaded && 'missing' in loaded && loaded.missing === 'code' && <LoadFailure view={view} />}
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
