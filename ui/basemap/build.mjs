// Builds the world map that every box carries: land, lakes, rivers, borders, countries and places, zoom 0 to 6.
//
// Input are npm packages only (see SOURCES.md), so a build needs no other download. The result is
// `public/world.pmtiles`, outside Vite's output because `vite build` empties that, and copied there by it.
// It is built again only when a script of this directory or a package's version changes.
//
//   npm run basemap              (TIPPECANOE=/path/to/tippecanoe where it is not on the PATH)

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readLayers, SOURCES } from './layers.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const TARGET = join(HERE, '..', 'public', 'world.pmtiles');
const KEY_FILE = join(HERE, '.cache', 'world.key');
const TIPPECANOE = process.env.TIPPECANOE ?? 'tippecanoe';
const ATTRIBUTION = 'Natural Earth · GeoNames (CC BY 4.0)';
const OPTIONS = [
  '--quiet', '--force', '--name=world', `--attribution=${ATTRIBUTION}`,
  '--minimum-zoom=0', '--maximum-zoom=6', '--simplification=4', '--simplification-at-maximum-zoom=1', '--drop-rate=1', '--coalesce',
  '--no-tile-size-limit', '--no-feature-limit',
];

/** What the result depends on, so that an unchanged build costs nothing and needs no tippecanoe. */
function currentKey() {
  const hash = createHash('sha256');
  for (const name of readdirSync(HERE).filter((file) => file.endsWith('.mjs')).sort()) hash.update(readFileSync(join(HERE, name)));
  for (const name of SOURCES) hash.update(readFileSync(join(HERE, '..', 'node_modules', name, 'package.json')));
  return hash.digest('hex');
}

function build(target) {
  const work = mkdtempSync(join(tmpdir(), 'hexpost-basemap-'));
  try {
    const layers = readLayers().map(([name, features]) => {
      const file = join(work, `${name}.geojsonl`);
      writeFileSync(file, features.map((feature) => JSON.stringify(feature)).join('\n'));
      return `--named-layer=${name}:${file}`;
    });
    const fresh = join(work, 'world.pmtiles');
    runTippecanoe([...OPTIONS, '--output', fresh, ...layers]);
    mkdirSync(dirname(target), { recursive: true });
    // Beside the target first, then a rename: a build that is cut short leaves the old map or the new one.
    writeFileSync(`${target}.part`, readFileSync(fresh));
    renameSync(`${target}.part`, target);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function runTippecanoe(options) {
  try {
    execFileSync(TIPPECANOE, options, { stdio: 'inherit' });
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    throw new Error(`basemap: ${TIPPECANOE} not found; install it (pip install tippecanoe) or set TIPPECANOE to its path`);
  }
}

const key = currentKey();
if (existsSync(TARGET) && existsSync(KEY_FILE) && readFileSync(KEY_FILE, 'utf8') === key) {
  console.log('basemap: up to date');
} else {
  build(TARGET);
  mkdirSync(dirname(KEY_FILE), { recursive: true });
  writeFileSync(KEY_FILE, key);
  console.log(`basemap: world.pmtiles, ${(statSync(TARGET).size / 1e6).toFixed(1)} MB`);
}
