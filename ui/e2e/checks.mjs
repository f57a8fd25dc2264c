// What must hold of the map on a running box. Each check opens a page of its own and returns a word on what it saw.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { BACKTEST_CHECKS, latestOf, openPanel } from './backtest-checks.mjs';
import { ANSWER_MS, cellsDrawn, DESKTOP, mapIdle, openPage, PHONE } from './browser.mjs';
import { tapCell } from './shots.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export const CHECKS = [
  ['cells of the newest day are drawn and coloured', cellsAreDrawn],
  ['the slider changes the state of the cells, without new tiles', sliderChangesCells],
  ['a hidden level is not drawn', levelCanBeHidden],
  ['a tapped cell shows the numbers of the box', tapShowsNumbers],
  ['an arriving event is shown', eventArrives],
  ['a lost line is never shown as live', lostLineIsSaid],
  ['the address keeps the view', addressKeepsView],
  ['an address opened in an open page is followed', addressIsFollowed],
  ['the page can be used by keyboard', keyboardWorks],
  ['Arabic is written from right to left', arabicIsRightToLeft],
  ['buttons on a phone are as large as a thumb', targetsAreLarge],
  ...BACKTEST_CHECKS,
  ['no serious finding of axe, phone and desk, light and dark', axeIsClean],
];

/** Runs a check on a page and afterwards asserts that the page itself behaved. */
export function onPage(options, use) {
  return async (surroundings) => {
    const { page, seen, close } = await openPage(surroundings.browser, surroundings.url, options);
    try {
      const said = await use(page, surroundings);
      assert.deepEqual(seen.foreign, [], 'requests left the box');
      assert.deepEqual(seen.failed, [], 'requests were refused');
      assert.deepEqual(seen.errors, [], 'the console shows errors');
      return said;
    } finally {
      await close();
    }
  };
}

/** Ordinal → level of the cells on the screen. */
export function levelsDrawn(page) {
  return page.evaluate(() => {
    const cells = window.hexpostMap.queryRenderedFeatures({ layers: ['cells-fill'] });
    return Object.fromEntries(cells.map(({ id, state }) => [id, state.level ?? 'none']));
  });
}

export function getJson(page, path) {
  return page.evaluate(async (address) => (await fetch(address)).json(), path);
}

async function cellsAreDrawn(surroundings) {
  return onPage({}, async (page) => {
    const count = await cellsDrawn(page);
    const levels = Object.values(await levelsDrawn(page));
    const kinds = [...new Set(levels)].filter((level) => level !== 'none');
    const known = new Set(['low', 'medium', 'high', 'critical', 'unknown']);
    assert.ok(kinds.every((level) => known.has(level)), `levels nobody knows: ${kinds}`);
    const shown = await page.locator('[data-level]').allInnerTexts();
    return `${count} cells on the screen; ${shown.map((text) => text.replace(/\s+/g, ' ')).join(', ')}`;
  })(surroundings);
}

async function sliderChangesCells(surroundings) {
  return onPage({}, async (page) => {
    await cellsDrawn(page);
    const { days } = await getJson(page, '/v1/map');
    assert.ok(days && days.from < days.to, 'the box has scores for one day only: nothing to slide over');
    const before = await levelsDrawn(page);
    let tiles = 0;
    page.on('request', (request) => (tiles += request.url().includes('/v1/tiles/') ? 1 : 0));
    const slider = page.getByRole('slider');
    await slider.focus();
    // A day at a time, then in leaps: the newest days may all be quiet.
    for (const key of [...Array(4).fill('ArrowLeft'), ...Array(9).fill('PageDown')]) {
      await page.keyboard.press(key);
      await mapIdle(page);
      const after = await levelsDrawn(page);
      const changed = Object.keys(before).filter((id) => before[id] !== after[id]).length;
      if (!changed) continue;
      assert.equal(tiles, 0, 'a change of date fetched tiles');
      return `${changed} cells changed: ${await page.getByTestId('day').innerText()}`;
    }
    throw new Error('on no day tried had a cell another level');
  })(surroundings);
}

async function levelCanBeHidden(surroundings) {
  return onPage({}, async (page) => {
    await cellsDrawn(page);
    const [level] = Object.values(await levelsDrawn(page)).filter((one) => one !== 'none');
    const button = page.locator(`[data-level="${level}"]`);
    await button.click();
    assert.equal(await button.getAttribute('aria-pressed'), 'false');
    await mapIdle(page);
    assert.ok(!Object.values(await levelsDrawn(page)).includes(level), `${level} is still drawn`);
    await button.click();
    await mapIdle(page);
    assert.ok(Object.values(await levelsDrawn(page)).includes(level), `${level} did not come back`);
    return level;
  })(surroundings);
}

async function tapShowsNumbers(surroundings) {
  return onPage({}, async (page) => {
    await cellsDrawn(page);
    await tapCell(page);
    const card = page.getByTestId('cell');
    const [cell, day] = [await card.getAttribute('data-cell'), await card.getAttribute('data-day')];
    const told = await getJson(page, `/v1/cells/${cell}?date=${day}&days=30`);
    const facts = told.day;
    const fact = (name) => card.locator(`[data-fact="${name}"]`).innerText();
    const rounded = (value, digits) => (value === null ? '–' : new Intl.NumberFormat('en-GB', { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value));
    assert.equal(await fact('event_count'), rounded(facts.event_count, 0));
    assert.equal(await fact('risk_score'), rounded(facts.risk_score, 1));
    assert.equal(await fact('rolling_7d_avg'), rounded(facts.rolling_7d_avg, 2));
    assert.equal(await fact('z_score'), rounded(facts.z_score, 2));
    const level = facts.coverage === 'unknown' ? 'unknown' : facts.risk_level;
    assert.equal((await fact('risk_level')).toLowerCase(), level);
    if (told.usual) assert.match(await fact('usual'), new RegExp(rounded(told.usual.mean_28_days, 2)));
    const expected = told.forecast.find((one) => one.horizon === 'next_day' && one.event_type === '');
    if (expected) assert.match(await fact('expected'), new RegExp(`${rounded(expected.mean, 2)}; .*from ${expected.low} to ${expected.high}`));
    const growth = facts.growth_rate === null ? null : Math.round(facts.growth_rate * 100);
    assert.equal(Number((await fact('growth_rate')).replace(/[^\d-]/g, '')), growth ?? 0);
    return `${cell} on ${day}: ${level} ${rounded(facts.risk_score, 1)}`;
  })(surroundings);
}

async function eventArrives(surroundings) {
  return onPage({ viewport: DESKTOP }, async (page, { eventDeadlineMs }) => {
    await mapIdle(page);
    await page.locator('[data-freshness="live"]').waitFor({ timeout: ANSWER_MS });
    const event = page.getByTestId('event').first();
    await event.waitFor({ timeout: eventDeadlineMs });
    await page.locator('.pulse').first().waitFor({ state: 'attached', timeout: eventDeadlineMs });
    return `${(await event.innerText()).replace(/\s+/g, ' ')}; ${await page.locator('[data-freshness]').innerText()}`;
  })(surroundings);
}

async function lostLineIsSaid({ browser, url }) {
  // Of its own, not `onPage`: the blocked stream is an error in the console, as it should be.
  const { page, close } = await openPage(browser, url, { block: '**/v1/stream*' });
  try {
    await mapIdle(page);
    await page.waitForFunction(() => document.querySelector('[data-freshness]')?.dataset.freshness === 'connecting', null, { timeout: ANSWER_MS });
    const words = await page.getByTestId('status').innerText();
    assert.doesNotMatch(words, /^live/);
    return words.replace(/\s+/g, ' ');
  } finally {
    await close();
  }
}

async function addressKeepsView(surroundings) {
  return onPage({}, async (page) => {
    await cellsDrawn(page);
    await page.getByRole('button', { name: 'Day before' }).click();
    await page.locator('[data-level="low"]').click();
    await page.getByRole('button', { name: 'Zoom in' }).click();
    await mapIdle(page);
    const day = await page.getByTestId('day').innerText();
    await page.waitForFunction(() => /map=.*&date=.*&levels=/.test(location.hash), null, { timeout: ANSWER_MS });
    const zoom = await page.evaluate(() => window.hexpostMap.getZoom());
    await page.reload();
    await mapIdle(page);
    await page.getByTestId('day').waitFor();
    assert.equal(await page.getByTestId('day').innerText(), day);
    assert.equal(await page.locator('[data-level="low"]').getAttribute('aria-pressed'), 'false');
    assert.ok(Math.abs((await page.evaluate(() => window.hexpostMap.getZoom())) - zoom) < 0.01, 'the zoom is another');
    return page.evaluate(() => location.hash);
  })(surroundings);
}

async function addressIsFollowed(surroundings) {
  return onPage({ viewport: DESKTOP }, async (page, { url }) => {
    const { days } = await getJson(page, '/v1/map');
    const { cells } = await getJson(page, '/v1/feed/cells?resolution=8');
    for (const cell of [cells[0], cells.at(-1)]) { // the first while the page is still starting, the second on a map at rest
      const { centre } = await getJson(page, `/v1/cells/${cell}`);
      await page.goto(new URL(`#map=12.5/${centre[1]}/${centre[0]}&date=${days.from}&res=8&levels=high&cell=${cell}`, url).href);
      await page.locator(`[data-testid="cell"][data-cell="${cell}"]`).waitFor({ timeout: ANSWER_MS });
      await mapIdle(page);
      const [lng, lat] = await page.evaluate(() => window.hexpostMap.getCenter().toArray());
      assert.ok(Math.hypot(lng - centre[0], lat - centre[1]) < 0.05, `the map stands at ${lng}, ${lat}`);
      assert.equal(await page.locator('[data-level="low"]').getAttribute('aria-pressed'), 'false');
      await page.waitForFunction((wanted) => ['date=', 'levels=high', `cell=${wanted}`].every((part) => location.hash.includes(part)), cell, { timeout: ANSWER_MS });
    }
    return page.evaluate(() => location.hash);
  })(surroundings);
}

async function keyboardWorks(surroundings) {
  return onPage({ viewport: DESKTOP }, async (page) => {
    await cellsDrawn(page);
    const reached = new Set();
    for (let press = 0; press < 60; press += 1) {
      await page.keyboard.press('Tab');
      reached.add(await page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent?.trim() ?? ''));
    }
    for (const name of ['Play', 'Day', 'Zoom in', 'Show all cells']) assert.ok([...reached].some((one) => one.startsWith(name)), `Tab never came to “${name}”`);
    await page.locator('.maplibregl-canvas').focus();
    await page.keyboard.press('Enter');
    const card = page.getByTestId('cell');
    if (await card.waitFor({ timeout: 3_000 }).then(() => true, () => false)) {
      await page.keyboard.press('Escape');
      await card.waitFor({ state: 'detached' });
    }
    return `${reached.size} stops`;
  })(surroundings);
}

async function arabicIsRightToLeft(surroundings) {
  return onPage({ language: 'ar' }, async (page) => {
    await cellsDrawn(page);
    assert.deepEqual(await page.evaluate(() => [document.documentElement.lang, document.documentElement.dir]), ['ar', 'rtl']);
    assert.match(await page.getByTestId('day').innerText(), /[\u0600-\u06ff]/);
    await page.locator('.corner').click();
    await page.getByRole('button', { name: 'English' }).click();
    assert.equal(await page.evaluate(() => document.documentElement.dir), 'ltr');
    await page.keyboard.press('Escape');
    return page.getByTestId('day').innerText();
  })(surroundings);
}

async function targetsAreLarge(surroundings) {
  return onPage({}, async (page) => {
    await cellsDrawn(page);
    const small = await page.evaluate(() =>
      [...document.querySelectorAll('button, input')]
        .map((element) => [element.ariaLabel ?? element.textContent, element.getBoundingClientRect()])
        .filter(([, { width, height }]) => width > 0 && (width < 44 || height < 44))
        .map(([name, { width, height }]) => `${name} ${Math.round(width)}×${Math.round(height)}`),
    );
    assert.deepEqual(small, []);
    const share = await page.evaluate(() => {
      const covered = [...document.querySelectorAll('main .card')].reduce((sum, card) => sum + card.offsetWidth * card.offsetHeight, 0);
      return covered / (innerWidth * innerHeight);
    });
    assert.ok(share < 0.34, `${Math.round(share * 100)} % of the map is covered`);
    return `${Math.round(share * 100)} % of the map is covered`;
  })(surroundings);
}

async function axeIsClean({ browser, url }) {
  const found = [];
  for (const viewport of [PHONE, DESKTOP]) {
    for (const theme of ['light', 'dark']) {
      const { page, close } = await openPage(browser, url, { viewport, theme, language: theme === 'dark' ? 'ar' : 'en' });
      try {
        await cellsDrawn(page);
        await tapCell(page);
        found.push(...(await axe(page)));
        await page.keyboard.press('Escape');
        await latestOf(page);
        await (await openPanel(page)).locator('table').waitFor({ timeout: ANSWER_MS });
        found.push(...(await axe(page)));
        await page.keyboard.press('Escape');
        if (viewport !== PHONE) continue;
        await page.keyboard.press('Escape');
        for (const opener of ['[data-testid="status"]', '.corner']) {
          await page.locator(opener).click();
          found.push(...(await axe(page)));
        }
      } finally {
        await close();
      }
    }
  }
  assert.deepEqual(found, []);
  return '12 states';
}

async function axe(page) {
  await page.evaluate(AXE); // not as a script tag: the page's own policy forbids those, as it should
  const { violations } = await page.evaluate(() => window.axe.run());
  return violations.filter(({ impact }) => ['serious', 'critical'].includes(impact)).map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 120)}`);
}
