// Screenshots of what a crew sees: phone and desk, light and dark, English and Arabic. Called by `run.mjs`.

import { join } from 'node:path';
import { latestOf, openPanel } from './backtest-checks.mjs';
import { ANSWER_MS, cellsDrawn, DESKTOP, mapIdle, openPage, PHONE } from './browser.mjs';

const SCREENS = { phone: PHONE, desktop: DESKTOP };

/** Writes the pictures into `directory`; returns their paths. */
export async function takeShots(browser, url, directory, blindCell) {
  const paths = [];
  for (const [screen, viewport] of Object.entries(SCREENS)) {
    for (const theme of ['light', 'dark']) {
      for (const language of ['en', 'ar']) paths.push(...(await shoot(browser, url, directory, { screen, viewport, theme, language, blindCell })));
    }
  }
  return paths;
}

async function shoot(browser, url, directory, { screen, viewport, theme, language, blindCell }) {
  const { page, close } = await openPage(browser, url, { viewport, theme, language });
  const paths = [];
  const snap = async (what) => {
    await mapIdle(page);
    const path = join(directory, `${screen}-${theme}-${language}-${what}.png`);
    await page.screenshot({ path });
    paths.push(path);
  };
  try {
    await cellsDrawn(page);
    await page.locator('[data-freshness="live"]').waitFor();
    await snap('map');
    await tapCell(page);
    await snap('cell');
    if (screen === 'phone') {
      await page.keyboard.press('Escape');
      await page.getByTestId('status').click();
      await snap('situation');
      await page.locator('.corner').click();
      await snap('settings');
      await page.keyboard.press('Escape');
    }
    if (blindCell) {
      await openBlind(page, url, blindCell);
      await snap('blind');
    }
    await latestOf(page);
    const panel = await openPanel(page);
    await panel.locator('table').waitFor();
    await snap('forecast');
    await panel.evaluate((element) => element.scrollTo(0, element.scrollHeight));
    await snap('forecast-end');
  } finally {
    await close();
  }
  return paths;
}

/** Opens the map at a cell that nobody watches, with its card, by an address that the open page follows. */
export async function openBlind(page, url, cell) {
  const { centre } = await page.evaluate(async (address) => (await fetch(address)).json(), `/v1/cells/${cell}`);
  await page.goto(new URL(`#map=12.5/${centre[1]}/${centre[0]}&res=8&cell=${cell}`, url).href);
  await cellsDrawn(page);
  await page.locator('[data-testid="cell"] [data-fact="watch"]').waitFor({ timeout: ANSWER_MS });
}

/** Taps the middle of a cell that has a level and lies free of the page's own sheets; returns its ordinal. */
export async function tapCell(page) {
  const target = await page.evaluate(() => {
    const map = window.hexpostMap;
    const box = map.getContainer().getBoundingClientRect();
    const free = ([x, y]) => document.elementFromPoint(box.left + x, box.top + y) === map.getCanvas();
    const [width, height] = [box.width, box.height];
    const found = [];
    for (let y = height * 0.2; y < height * 0.65; y += 6) {
      for (let x = width * 0.15; x < width * 0.85; x += 6) {
        if (!free([x, y])) continue;
        const [hit] = map.queryRenderedFeatures([x, y], { layers: ['cells-fill'] });
        const { level, flagged } = hit?.state ?? {};
        if (level && level !== 'none') found.push({ x: box.left + x, y: box.top + y, id: hit.id, level, flagged });
      }
    }
    const scored = found.filter(({ level }) => level !== 'unknown');
    return scored.find(({ flagged }) => flagged) ?? scored[Math.floor(scored.length / 2)] ?? found[0];
  });
  if (!target) throw new Error('no cell lies free to be tapped');
  await page.mouse.click(target.x, target.y);
  await page.locator('[data-testid="cell"][data-day]').waitFor({ timeout: ANSWER_MS });
  return target.id;
}
