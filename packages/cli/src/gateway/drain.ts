import type { Bridge } from './bridge.js';

/** How often some of the clients are told, milliseconds. */
const TICK = 20;

/** Tells the clients that the gateway leaves, spread evenly over `window` milliseconds, so that not all come back at once. */
export function drainBridges(bridges: readonly Bridge[], window: number): Promise<void> {
  const begun = performance.now();
  let told = 0;
  return new Promise((resolve) => {
    const tell = (): void => {
      const share = window === 0 ? 1 : Math.min(1, (performance.now() - begun + TICK) / window);
      for (const end = Math.ceil(share * bridges.length); told < end; told++) bridges[told]!.drain();
      if (told < bridges.length) return;
      clearInterval(timer);
      resolve();
    };
    const timer = setInterval(tell, TICK);
    tell();
  });
}
