// What must hold of the panel "Does the forecast hold?". The box needs a history long enough to be tested, and may still
// be at its first test: it is waited for.

import assert from 'node:assert/strict';
import { ANSWER_MS, mapIdle, openPage, PHONE, DESKTOP } from './browser.mjs';

export const LATEST = '**/v1/backtests/latest';
const FIRST_TEST_MS = 240_000;
const NO_HISTORY = { latest: null, waiting: null, problem: '', history: { days: 12, incidents: 80, days_needed: 42, incidents_needed: 300 } };

export const BACKTEST_CHECKS = [
  ['the panel says whether the forecast beats plain counting, in the numbers of the box', panelSaysWhatTheBoxFound],
  ['the panel is used by keyboard and gives the focus back', panelByKeyboard],
  ['too short a history is said to be too short', shortHistoryIsSaid],
  ['a test that failed is said to have failed', failureIsSaid],
  ['a forecast that does not hold is said not to hold', worseIsSaid],
  ['a box that does not answer is said to be silent, and asked again', silenceIsSaid],
  ['the panel fits a small phone', panelFits],
];

/** Opens the panel from the legend of a desk or the settings of a phone; returns it once the box has answered. */
export async function openPanel(page) {
  const corner = page.locator('.corner');
  if (await corner.isVisible()) await corner.click();
  await page.locator('button.check').click();
  const panel = page.getByTestId('backtest');
  await panel.waitFor();
  return panel;
}

/** Waits until the box has a test to show; returns what it says. */
export async function latestOf(page) {
  const until = Date.now() + FIRST_TEST_MS;
  for (;;) {
    const told = await page.evaluate(async () => (await fetch('/v1/backtests/latest')).json());
    if (told.latest) return told;
    assert.ok(Date.now() < until, `the box has made no test: ${JSON.stringify(told)}`);
    await page.waitForTimeout(1_000);
  }
}

/** A check on a page of its own, which itself behaved afterwards. `answer` stands in for the box's. */
function onPanel(options, use) {
  return async ({ browser, url }) => {
    const { page, seen, close } = await openPage(browser, url, options);
    try {
      await mapIdle(page);
      const said = await use(page);
      assert.deepEqual(seen.foreign, [], 'requests left the box');
      if (!options.refused) assert.deepEqual([seen.failed, seen.errors], [[], []], 'requests were refused, or the console shows errors');
      return said;
    } finally {
      await close();
    }
  };
}

function answers(page, body) {
  return page.route(LATEST, (route) => route.fulfill({ json: body }));
}

const percent = (share) => new Intl.NumberFormat('en-GB', { style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(share);

async function panelSaysWhatTheBoxFound(surroundings) {
  return onPanel({}, async (page) => {
    const { latest } = await latestOf(page);
    const panel = await openPanel(page);
    await page.locator(`[data-backtest="${latest.backtest_pk}"]`).waitFor({ timeout: ANSWER_MS });
    const { rows, differences, calibration } = latest.report.reported;
    for (const [horizon, button] of [['next_day', 'A day'], ['next_shift', '8 hours'], ['next_7_days', '7 days']]) {
      await panel.getByRole('button', { name: button }).click();
      for (const method of ['calibrated', 'count_all', 'composite']) {
        const cells = await panel.locator(`[data-method="${method}"] td`).allInnerTexts();
        const expected = [0.01, 0.02, 0.05].map((area) => percent(rows.find((row) => row.horizon === horizon && row.method === method && row.area === area).hit_rate));
        assert.deepEqual(cells.slice(0, 3), expected, `${horizon} ${method}`);
      }
      const judged = differences.find((one) => one.horizon === horizon && one.area === 0.05);
      assert.equal(await panel.locator('[data-verdict]').getAttribute('data-verdict'), judged.verdict);
      assert.ok((await panel.locator('[data-fact="calibration"]').innerText()).includes(percent(calibration.find((one) => one.horizon === horizon).coverage)));
    }
    await panel.getByRole('button', { name: 'A day' }).click();
    return panel.locator('[data-fact="found"]').innerText();
  })(surroundings);
}

async function panelByKeyboard(surroundings) {
  return onPanel({ viewport: DESKTOP }, async (page) => {
    await latestOf(page);
    const opener = page.locator('button.check');
    await opener.focus();
    await page.keyboard.press('Enter');
    await page.locator('dialog[open] [data-verdict]').waitFor({ timeout: ANSWER_MS });
    const reached = new Set();
    for (let press = 0; press < 12; press += 1) {
      await page.keyboard.press('Tab');
      const at = await page.evaluate(() => [document.activeElement?.closest('dialog') !== null || document.activeElement === document.body, document.activeElement?.textContent?.trim() ?? '']);
      assert.ok(at[0], `Tab left the panel for “${at[1]}”`);
      reached.add(at[1]);
    }
    for (const name of ['8 hours', 'A day', '7 days']) assert.ok(reached.has(name), `Tab never came to “${name}”`);
    await page.keyboard.press('Escape');
    await page.locator('dialog').waitFor({ state: 'detached' });
    assert.ok(await opener.evaluate((element) => element === document.activeElement), 'the focus is elsewhere');
    return `${reached.size} stops`;
  })(surroundings);
}

async function shortHistoryIsSaid(surroundings) {
  return onPanel({}, async (page) => {
    await answers(page, NO_HISTORY);
    const panel = await openPanel(page);
    await panel.getByText('Not enough history yet.').waitFor({ timeout: ANSWER_MS });
    const words = (await panel.innerText()).replace(/\s+/g, ' ');
    assert.match(words, /12 of the 42 needed.*80 of 300/);
    assert.equal(await panel.locator('table, figure').count(), 0);
    return words;
  })(surroundings);
}

async function failureIsSaid(surroundings) {
  return onPanel({}, async (page) => {
    await answers(page, { ...NO_HISTORY, problem: 'not enough memory', history: { ...NO_HISTORY.history, days: 50, incidents: 311 } });
    const panel = await openPanel(page);
    await panel.getByText('Not tested yet.').waitFor({ timeout: ANSWER_MS });
    assert.match((await panel.innerText()).replace(/\s+/g, ' '), /The last test failed: not enough memory/);
  })(surroundings);
}

async function worseIsSaid(surroundings) {
  return onPanel({}, async (page) => {
    const box = await latestOf(page);
    for (const one of box.latest.report.reported.differences) one.verdict = 'worse';
    await answers(page, box);
    const panel = await openPanel(page);
    await panel.locator('[data-verdict="worse"]').waitFor({ timeout: ANSWER_MS });
    return panel.locator('[data-verdict]').innerText();
  })(surroundings);
}

async function silenceIsSaid(surroundings) {
  return onPanel({ refused: true }, async (page) => {
    await page.route(LATEST, (route) => route.abort());
    const panel = await openPanel(page);
    await panel.getByText('The box cannot be reached').waitFor({ timeout: ANSWER_MS });
    await page.unroute(LATEST);
    await answers(page, NO_HISTORY);
    await panel.getByRole('button', { name: 'Try again' }).click();
    await panel.getByText('Not enough history yet.').waitFor({ timeout: ANSWER_MS });
  })(surroundings);
}

async function panelFits(surroundings) {
  const seen = [];
  for (const language of ['en', 'ar']) {
    seen.push(await onPanel({ viewport: { ...PHONE, width: 320, height: 568 }, language }, async (page) => {
      await latestOf(page);
      const panel = await openPanel(page);
      await panel.locator('table').waitFor({ timeout: ANSWER_MS });
      const found = await page.evaluate(() => {
        const inside = document.querySelector('dialog .scroll');
        const small = [...document.querySelectorAll('dialog button')].map((one) => one.getBoundingClientRect()).filter(({ width, height }) => width < 44 || height < 44);
        const bounds = inside.getBoundingClientRect();
        const outside = [...inside.querySelectorAll('*')].filter((one) => {
          const { left, right, width } = one.getBoundingClientRect();
          return width > 2 && !one.closest('.unseen') && (left < bounds.left - 1 || right > bounds.right + 1);
        });
        return { small: small.length, outside: outside.map((one) => one.outerHTML.slice(0, 80)), wide: inside.scrollWidth - inside.clientWidth };
      });
      assert.deepEqual(found, { small: 0, outside: [], wide: 0 });
      return language;
    })(surroundings));
  }
  return seen.join(', ');
}
