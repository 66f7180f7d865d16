import { preact } from '@preact/preset-vite';
import { defineConfig } from 'vite';

export default defineConfig({
  root: 'playground',
  base: './',
  plugins: [preact()],
  build: {
    outDir: '../dist/playground',
    emptyOutDir: true,
    target: 'es2022',
    // The pages' policy is `default-src 'none'`; every asset is a file of its own.
    assetsInlineLimit: 0,
  },
  server: {
    proxy: {
      // The address of the view is that of its WebSocket.
      '/talk': {
        target: 'ws://127.0.0.1:8080',
        ws: true,
        bypass: ({ headers }) => (headers.upgrade === undefined ? '/index.html' : undefined),
      },
    },
  },
});
