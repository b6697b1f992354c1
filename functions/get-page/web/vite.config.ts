import { defineConfig } from 'vite';

import { contract } from './contract.ts';

export default defineConfig({
  // The pages are served below a stage's path or at the root of a domain, and do not know which.
  base: './',
  plugins: [contract()],
  build: {
    rolldownOptions: { input: ['console.html', 'docs.html'] },
    // What is inlined is not cached on its own, and every page's policy forbids it but for images.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2023',
    // Swagger UI, which the reference loads when it is needed.
    chunkSizeWarningLimit: 2000,
  },
});
