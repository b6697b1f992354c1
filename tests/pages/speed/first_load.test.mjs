// How soon the pages are there, with how much, and what they ask of the API for that.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { call, inBrowser, newUser, sign } from '../rig.mjs';

test('the console is there within a second, and makes one call', inBrowser({}, async (visit) => {
  const user = newUser();
  await call(sign(user), 'POST', 'api/apiKeys', { name: 'Ward 4 dictation', type: 'live', status: 'active' });
  const page = await visit.open('console', { user });
  await page.getByRole('row').getByText('Ward 4 dictation').waitFor();
  const { ms, bytes } = await page.evaluate(() => {
    const files = performance.getEntriesByType('resource').filter(({ name }) => /\/assets\/|icon/.test(name));
    const list = performance.getEntriesByType('resource').find(({ name }) => name.endsWith('/api/apiKeys'));
    const [page] = performance.getEntriesByType('navigation');
    return { ms: list.responseEnd, bytes: [page, ...files].reduce((sum, file) => sum + file.encodedBodySize, 0) };
  });
  console.log(`console: list there after ${ms.toFixed()} ms, ${bytes} bytes of files`);
  assert.ok(ms < 1000, `${ms} ms`);
  assert.ok(bytes < 150_000, `${bytes} bytes`);
  assert.deepEqual(visit.requests.filter((request) => request.includes('/api/')), ['GET /api/apiKeys']);
}));

test('the first load of the reference is small and fast, and calls nothing', inBrowser({}, async (visit) => {
  const page = await visit.open('docs', { user: newUser() });
  await page.waitForLoadState('networkidle');
  const { ms, bytes } = await page.evaluate(() => {
    const entries = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
    const painted = performance.getEntriesByName('first-contentful-paint')[0];
    return { ms: painted.startTime, bytes: entries.reduce((sum, entry) => sum + entry.encodedBodySize, 0) };
  });
  console.log(`reference: first paint after ${ms.toFixed()} ms, ${visit.requests.length} requests, ${bytes} bytes`);
  assert.ok(ms < 1000, `${ms} ms until the first paint`);
  assert.ok(bytes < 50_000, `${bytes} bytes`);
  assert.deepEqual(visit.requests.filter((asked) => !/^GET \/(docs|assets\/.*)$/.test(asked)), []);
}));
