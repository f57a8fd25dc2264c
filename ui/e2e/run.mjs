// Looks at a running box as a crew member does, in a real browser, and says what does not hold.
//
//   npm run e2e -- --url http://127.0.0.1:8080 [--shots DIRECTORY] [--no-shots] [--event-deadline SECONDS]
//     [--blind-cell H3]   a cell whose cameras are all down, for the check of what is unknown
//
// One line for each check; exit code 1 when one failed. The box needs scores and, for the check of live events,
// something that sends events meanwhile. HEXPOST_URL stands in for --url, CHROMIUM for the path of the browser.

import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { withBrowser } from './browser.mjs';
import { blindCellIsUnknown } from './blind.mjs';
import { CHECKS } from './checks.mjs';
import { takeShots } from './shots.mjs';

const { values: options } = parseArgs({
  options: {
    url: { type: 'string', default: process.env.HEXPOST_URL },
    shots: { type: 'string' },
    'no-shots': { type: 'boolean', default: false },
    'event-deadline': { type: 'string', default: '30' },
    'blind-cell': { type: 'string' },
  },
});

if (!options.url) {
  console.error('e2e: which box? give --url http://127.0.0.1:8080 or set HEXPOST_URL');
  process.exit(2);
}

const url = new URL('/', options.url).href;
const failures = await withBrowser(async (browser) => {
  const blindCell = options['blind-cell'];
  const surroundings = { browser, url, blindCell, eventDeadlineMs: Number(options['event-deadline']) * 1000 };
  const checks = blindCell ? [...CHECKS, ['a cell with all cameras down is drawn as unknown, and says why', blindCellIsUnknown]] : CHECKS;
  let failed = 0;
  for (const [name, check] of checks) failed += (await report(name, () => check(surroundings))) ? 0 : 1;
  if (!options['no-shots']) failed += (await report('screenshots are taken', () => shots(browser))) ? 0 : 1;
  return failed;
});
console.log(failures ? `${failures} failed` : 'all hold');
process.exitCode = failures ? 1 : 0;

async function report(name, check) {
  const started = performance.now();
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  try {
    const said = await check();
    console.log(`ok    ${name}${said ? `: ${said}` : ''} (${seconds()})`);
    return true;
  } catch (error) {
    console.log(`FAIL  ${name}: ${error.message.split('\n').slice(0, 6).join(' | ')} (${seconds()})`);
    return false;
  }
}

async function shots(browser) {
  const directory = options.shots ?? mkdtempSync(join(tmpdir(), 'hexpost-shots-'));
  mkdirSync(directory, { recursive: true });
  const paths = await takeShots(browser, url, directory, options['blind-cell']);
  return `${paths.length} in ${directory}`;
}
