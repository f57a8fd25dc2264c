// A cell whose cameras are all down, on a running box: hatched on the map, unknown in words, never low.

import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { getJson, levelsDrawn, onPage } from './checks.mjs';
import { openBlind } from './shots.mjs';

const MISSED_MS = 300_000; // a goodbye soon after the broker came up may be a remembered one, and takes minutes to be believed
const WORDS = { en: ['Unknown', /not calm/], ar: ['مجهول', /ليس هدوءًا/] };

export async function blindCellIsUnknown(surroundings) {
  await untilUnknown(surroundings);
  const said = [];
  for (const language of ['en', 'ar']) said.push(await onPage({ language }, (page) => look(page, surroundings, language))(surroundings));
  return said[0];
}

async function untilUnknown({ url, blindCell }) {
  const end = Date.now() + MISSED_MS;
  for (;;) {
    const answer = await fetch(new URL(`/v1/cells/${blindCell}`, url));
    const { coverage } = answer.ok ? await answer.json() : {};
    if (coverage?.coverage === 'unknown') return;
    assert.ok(Date.now() < end, `${blindCell} is still ${coverage?.coverage}`);
    await pause(1_000);
  }
}

async function look(page, { url, blindCell }, language) {
  await openBlind(page, url, blindCell);
  const { cells } = await getJson(page, '/v1/feed/cells?resolution=8');
  const levels = await levelsDrawn(page);
  assert.equal(levels[cells.indexOf(blindCell)], 'unknown', 'the map draws another level');
  const card = page.getByTestId('cell');
  const { coverage } = await getJson(page, `/v1/cells/${blindCell}`);
  assert.equal(await card.locator('[data-fact="watch"]').getAttribute('data-cause'), coverage.cause);
  const [name, notCalm] = WORDS[language];
  assert.equal(await card.locator('[data-fact="risk_level"]').innerText(), name);
  const words = (await card.locator('[data-fact="watch"]').innerText()).replace(/\s+/g, ' ');
  assert.match(words, notCalm);
  await page.keyboard.press('Escape'); // on a phone the card lies over the legend
  assert.match(await page.locator('[data-level="unknown"]').innerText(), /[1-9\u0661-\u0669]/, 'the legend counts none');
  return `${blindCell}: ${words}`;
}
