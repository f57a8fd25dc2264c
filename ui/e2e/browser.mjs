// A headless Chromium that watches what a page does: errors, policy violations, requests to other hosts.

import { chromium } from 'playwright-core';

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';
const ARGS = [
  '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync', '--enable-unsafe-swiftshader',
];
const HARMLESS = [/GPU stall due to ReadPixels/, /WebGL-.*Performance/]; // software drawing is slow, and says so

/** How long an answer of the page is waited for: two browsers and a box may share two cores with other tests. */
export const ANSWER_MS = 30_000;
export const PHONE = { width: 390, height: 844 };
export const DESKTOP = { width: 1440, height: 900 };

/** Opens a browser, hands it over, and closes it whatever happens. */
export async function withBrowser(use) {
  const browser = await chromium.launch({ executablePath: EXECUTABLE, headless: true, args: ARGS });
  try {
    return await use(browser);
  } finally {
    await browser.close();
  }
}

/** A page of its own at `url`, with lists of what went wrong in it. */
export async function openPage(browser, url, { viewport = PHONE, theme = 'light', language = 'en', block = null } = {}) {
  const phone = viewport.width < 900;
  const context = await browser.newContext({
    viewport, colorScheme: theme, locale: language, hasTouch: phone, isMobile: phone, deviceScaleFactor: phone ? 2 : 1, serviceWorkers: 'block',
  });
  const page = await context.newPage();
  const seen = { errors: [], foreign: [], failed: [] };
  const home = new URL(url).host;
  page.on('console', (message) => {
    const text = message.text();
    if (['error', 'warning'].includes(message.type()) && !HARMLESS.some((one) => one.test(text))) seen.errors.push(text);
  });
  page.on('pageerror', (error) => seen.errors.push(String(error)));
  page.on('request', (request) => {
    const { protocol, host } = new URL(request.url());
    if (protocol.startsWith('http') && host !== home) seen.foreign.push(request.url());
  });
  page.on('response', (answer) => {
    if (answer.status() >= 400) seen.failed.push(`${answer.status()} ${answer.url()}`);
  });
  if (block) await page.route(block, (route) => route.abort());
  await page.goto(url);
  return { page, seen, close: () => context.close() };
}

/** Waits until the map has drawn everything it asked for. `idle` alone may never come when nothing changes. */
export async function mapIdle(page, timeout = ANSWER_MS) {
  await page.waitForFunction(() => window.hexpostMap !== undefined, null, { timeout });
  await page.evaluate(
    (ms) =>
      new Promise((resolve, reject) => {
        const map = window.hexpostMap;
        const timer = setTimeout(() => reject(new Error('the map did not come to rest')), ms);
        map.once('idle', () => {
          clearTimeout(timer);
          resolve();
        });
        map.triggerRepaint();
      }),
    timeout,
  );
}

/** Waits until cells with a level are on the screen; returns how many. */
export async function cellsDrawn(page, timeout = ANSWER_MS) {
  await mapIdle(page, timeout);
  const handle = await page.waitForFunction(
    () => {
      const map = window.hexpostMap;
      if (!map.getLayer('cells-fill')) return 0;
      const cells = map.queryRenderedFeatures({ layers: ['cells-fill'] });
      return cells.filter(({ state }) => state.level && state.level !== 'none').length;
    },
    null,
    { timeout, polling: 200 },
  );
  return handle.jsonValue();
}
