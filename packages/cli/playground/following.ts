import { useEffect, useLayoutEffect, useState } from 'preact/hooks';

/** Nearer to the end than this counts as at the end, pixels. */
const NEARLY = 32;

/**
 * A box that scrolls and stays at its end while it grows, unless the reader has scrolled up.
 *
 * @param contents what it grows with.
 */
export function useFollowing(
  box: { readonly current: HTMLElement | null },
  contents: readonly unknown[],
): { readonly atEnd: boolean; readonly follow: () => void; readonly toEnd: () => void } {
  const [atEnd, setAtEnd] = useState(true);
  const toEnd = (): void => {
    const { current } = box;
    if (current) current.scrollTop = current.scrollHeight;
  };
  const follow = (): void => {
    const { current } = box;
    if (current) setAtEnd(current.scrollHeight - current.scrollTop - current.clientHeight < NEARLY);
  };
  useLayoutEffect(() => {
    if (atEnd) toEnd();
  }, contents);
  useEffect(() => {
    if (!box.current) return undefined;
    // The end moves when what is below grows, the window changes or a phone's keyboard appears.
    const observer = new ResizeObserver(() => atEnd && toEnd());
    observer.observe(box.current);
    return () => observer.disconnect();
  }, [atEnd]);
  return { atEnd, follow, toEnd };
}
