import { views, type View } from '../views/index.js';
import { follow } from './address.js';
import { MarkIcon } from './icons.js';
import { ThemeSwitch } from './theme-switch.js';

export function Rail({ current }: { readonly current: View }) {
  return (
    <header class="rail">
      <span class="rail-mark" role="img" aria-label="Bothways">
        <MarkIcon />
      </span>
      <nav class="rail-views" aria-label="Views">
        {views.map((view) => (
          <a
            key={view.id}
            class="rail-view"
            href={`./${view.id}`}
            aria-current={view === current ? 'page' : undefined}
            onClick={(event) => follow(event, view)}
          >
            <view.Icon />
            {view.title}
          </a>
        ))}
      </nav>
      <ThemeSwitch />
    </header>
  );
}
