import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// While developing, the data comes from a running box or from `npm run mock`.
const box = process.env.HEXPOST_URL ?? 'http://127.0.0.1:8099';

export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: '../appliance/serve/map', // the box serves it from its own package
    emptyOutDir: true,
    target: 'es2022',
    chunkSizeWarningLimit: 1200, // MapLibre alone is 1.1 MB before compression
    assetsInlineLimit: 0, // a data: URL would need more of the content security policy than 'self'
  },
  server: { proxy: { '/v1': box } },
  preview: { proxy: { '/v1': box } },
  test: { include: ['test/**/*.test.ts'] },
});
