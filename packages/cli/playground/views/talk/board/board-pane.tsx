import { useStore } from '../../../store.js';
import type { TalkSession } from '../talk-session.js';
import { BoardFooter } from './board-footer.js';
import { BoardSurface } from './board-surface.js';
import { BoardToolbar } from './board-toolbar.js';

export function BoardPane({ session }: { readonly session: TalkSession }) {
  const summary = useStore(session.board.summary);
  const { phase } = useStore(session.link.state);
  return (
    <section class="board" aria-label="Shared drawing board">
      <BoardToolbar session={session} summary={summary} connected={phase === 'open'} />
      <BoardSurface session={session} />
      <BoardFooter session={session} summary={summary} />
    </section>
  );
}
