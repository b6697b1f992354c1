// Lighthouse's judgement of each page, as on a telephone with a slow network and on a desk.

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';

import lighthouse, { desktopConfig } from 'lighthouse';
import { chromium } from 'playwright-core';

import { LAUNCH, url } from '../rig.mjs';

const PAGES = ['console', 'docs'];
const DEVICES = { mobile: undefined, desktop: desktopConfig };
const LOWEST = 95;

async function freePort() {
  const server = createServer();
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

/** Measures a page, again if the browser did not record the load: on a busy machine, the trace may lack its beginning. */
async function measure(...parameters) {
  for (let attempt = 1; ; attempt += 1) {
    const { lhr } = await lighthouse(...parameters);
    if (lhr.runtimeError?.code !== 'NO_NAVSTART' || attempt === 3) return lhr;
  }
}

for (const page of PAGES) {
  for (const [device, config] of Object.entries(DEVICES)) {
    test(`${page} is fast, accessible and sound, ${device}`, async (t) => {
      const port = await freePort();
      const browser = await chromium.launch({ ...LAUNCH, args: [...LAUNCH.args, `--remote-debugging-port=${port}`] });
      t.after(() => browser.close());
      const options = { port, logLevel: 'error', onlyCategories: ['performance', 'accessibility', 'best-practices'] };
      const lhr = await measure(url(page), options, config);
      assert.equal(lhr.runtimeError, undefined);
      const scores = Object.values(lhr.categories).map(({ title, score }) => [title, Math.round(score * 100)]);
      console.log(`Lighthouse ${lhr.lighthouseVersion}, ${page}, ${device}: ${scores.map((score) => score.join(' ')).join(', ')}`);
      assert.equal(scores.length, 3);
      const missed = Object.values(lhr.audits).filter(({ score }) => score !== null && score < 1);
      for (const [title, score] of scores) {
        assert.ok(score >= LOWEST, `${title}: ${score}\n${missed.map(({ id, displayValue }) => `${id} ${displayValue ?? ''}`).join('\n')}`);
      }
    });
  }
}
