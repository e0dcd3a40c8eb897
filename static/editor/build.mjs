// Builds ../editor.js from src.js: `npm ci --ignore-scripts && npm run build` in this folder.
// The first line of the result names the sha256 of what it was built from; a test compares them.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { build } from 'esbuild';

const sources = ['src.js', 'package-lock.json'];
const hash = createHash('sha256');
for (const name of sources) hash.update(readFileSync(new URL(name, import.meta.url)));

await build({
  entryPoints: ['src.js'],
  outfile: '../editor.js',
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'inline',
  banner: {
    js: `// Built by static/editor/build.mjs, do not edit. sources-sha256: ${hash.digest('hex')}\n` +
      '// CodeMirror 6 and Lezer, (c) Marijn Haverbeke and others, MIT licence: see static/README.md',
  },
});
