import { views, type View } from '../views/index.js';
import { MarkIcon } from './icons.js';
import { ThemeSwitch } from './theme-switch.js';

export function Rail({ current }: { readonly current: View }) {
  return (
    <header class="rail">
      <span class="rail-mark" role="img" aria-label="Bothways">
        <MarkIcon />
      </span>
      <nav class="rail-views" aria-label="Views">
        {views.map(({ id, title, Icon }) => (
          <a key={id} class="rail-view" href={`#${id}`} aria-current={id === current.id ? 'page' : undefined}>
            <Icon />
            {title}
          </a>
        ))}
      </nav>
      <ThemeSwitch />
    </header>
  );
}
