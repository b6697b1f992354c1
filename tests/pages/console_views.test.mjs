// Every view of the console, in each width and colour scheme: it fits, it can be read by all, and a reload comes back to it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { call, inBrowser, newUser, sign, url, VIEWS } from './rig.mjs';

const NEW_KEY = { name: 'Ward 3 dictation', type: 'live', status: 'active' };
/** What Chromium writes for each response of a failure. */
const MISSING = /^console: Failed to load resource: the server responded with a status of 404/;

/** A user with a key that was used, renamed, paused, resumed and rotated. */
async function prepare() {
  const user = newUser();
  const token = sign(user);
  const key = await call(token, 'POST', 'api/apiKeys', NEW_KEY);
  await call(sign(newUser(), { role: 'service' }), 'POST', 'api/apiKeys/verify', { key: key.key });
  await call(token, 'PUT', `api/apiKeys/${key.id}`, { name: 'Ward 4 dictation' });
  await call(token, 'PATCH', `api/apiKeys/${key.id}/pause`);
  await call(token, 'PATCH', `api/apiKeys/${key.id}/resume`);
  await call(token, 'POST', `api/apiKeys/${key.id}/rotate`, { grace_period_seconds: 3600 });
  return { user, token, key };
}

for (const view of VIEWS) {
  const how = `${view.width} px, ${view.colorScheme}`;

  test(`the page of a key shows its uses, its history and its formats, ${how}`, inBrowser(view, async (visit) => {
    const { user, key } = await prepare();
    const page = await visit.open('console', { user });
    await page.getByRole('link', { name: 'Ward 4 dictation' }).click();
    await page.getByText('1 use in the last 31 days').waitFor();
    const history = page.getByRole('region', { name: 'History' });
    for (const entry of ['Rotated by you', 'Resumed by you', 'Paused by you', 'Edited by you', 'Created by you']) {
      await history.getByText(entry).waitFor();
    }
    assert.equal(await history.locator('del').textContent(), 'Ward 3 dictation');
    await page.getByText('Two strings work.').waitFor();
    await visit.assertAccessible();
    await visit.assertFits();
    for (const [tab, text] of [['HL7 v2', 'MSH|'], ['FHIR R4', '"resourceType": "Basic"'], ['JSON', `"id": ${key.id}`]]) {
      await page.getByRole('tab', { name: tab }).click();
      const panel = page.getByRole('tabpanel', { name: tab }).getByRole('region');
      await panel.waitFor();
      assert.ok((await panel.textContent()).includes(text), tab);
      await visit.assertAccessible();
    }
    await visit.assertFits();
  }));

  test(`no key, a missing key and a wrong address say where to go, ${how}`, inBrowser({ ...view, expected: [MISSING] }, async (visit) => {
    const page = await visit.open('console', { user: newUser() });
    await page.getByRole('heading', { name: 'You have no keys yet' }).waitFor();
    await visit.assertAccessible();
    await visit.assertFits();
    await page.goto(url('console#/keys/9007199254740991'));
    await page.getByRole('heading', { name: 'This key is gone' }).waitFor();
    await visit.assertAccessible();
    await page.goto(url('console#/nowhere'));
    await page.getByRole('heading', { name: 'There is nothing here' }).waitFor();
    await visit.assertAccessible();
    await page.getByRole('link', { name: 'Show your keys' }).click();
    await page.getByRole('heading', { name: 'API keys' }).waitFor();
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    await visit.assertAccessible();
  }));

  test(`an administrator looks at the keys of a user, masked, ${how}`, inBrowser(view, async (visit) => {
    const { user, key } = await prepare();
    const page = await visit.open('console', { user: newUser(), role: 'admin' });
    await page.getByRole('link', { name: 'Users' }).click();
    await page.getByRole('textbox', { name: 'User id' }).fill(String(user));
    await visit.assertAccessible();
    await visit.assertFits();
    await page.keyboard.press('Enter');
    await page.getByRole('row').getByText('Ward 4 dictation').waitFor();
    assert.equal(await page.getByRole('button', { name: /^Actions/ }).count(), 0);
    assert.ok(!(await page.content()).includes(key.key));
    await visit.assertAccessible();
    await visit.assertFits();
  }));

  test(`a reload anywhere comes back there after signing in, ${how}`, inBrowser(view, async (visit) => {
    const { user, token, key } = await prepare();
    const page = await visit.open('console', { user });
    for (const [place, heading] of [[`#/keys/${key.id}`, 'Ward 4 dictation'], ['#/?q=ward&sort=name', 'API keys']]) {
      await page.goto(url(`console${place}`));
      await page.getByRole('heading', { name: heading }).waitFor();
      await page.reload();
      await page.getByRole('heading', { name: 'Sign in to your keys' }).waitFor();
      await visit.assertAccessible();
      await visit.assertFits();
      await page.getByRole('textbox', { name: 'Token' }).fill(token);
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByRole('heading', { name: heading }).waitFor();
      assert.ok(page.url().endsWith(`console${place}`), page.url());
    }
  }));
}

test('keys are searched, filtered and sorted, and the address says so', inBrowser({}, async (visit) => {
  const user = newUser();
  const token = sign(user);
  for (const [name, type, status] of [['Beta', 'live', 'active'], ['alpha', 'test', 'paused'], ['Gamma', 'live', 'paused']]) {
    await call(token, 'POST', 'api/apiKeys', { name, type, status });
  }
  const page = await visit.open('console', { user });
  const names = () => page.getByRole('rowheader').getByRole('link').allTextContents();
  await page.getByRole('table').waitFor();
  assert.deepEqual(await names(), ['Gamma', 'alpha', 'Beta']);
  await page.getByRole('button', { name: 'Name', exact: true }).click();
  assert.deepEqual(await names(), ['alpha', 'Beta', 'Gamma']);
  await page.getByRole('button', { name: 'Name', exact: true }).click();
  assert.deepEqual(await names(), ['Gamma', 'Beta', 'alpha']);
  await page.getByRole('group', { name: 'Status' }).getByRole('button', { name: /^Paused/ }).click();
  assert.deepEqual(await names(), ['Gamma', 'alpha']);
  await page.getByRole('combobox', { name: 'Type' }).selectOption('test');
  assert.deepEqual(await names(), ['alpha']);
  assert.ok(page.url().endsWith('#/?status=paused&type=test&sort=-name'), page.url());
  await page.keyboard.press('Escape');
  await page.getByRole('heading', { name: 'API keys' }).click();
  await page.keyboard.press('/');
  await page.keyboard.type('zzz');
  await page.getByRole('heading', { name: 'No key matches' }).waitFor();
  await visit.assertAccessible();
  await page.getByRole('button', { name: 'Show all keys' }).click();
  assert.equal((await names()).length, 3);
}));

test('what needs a look is said: expiring soon, never, or unused', inBrowser({}, async (visit) => {
  const user = newUser();
  const token = sign(user);
  const soon = new Date(Date.now() + 10 * 86_400_000).toISOString();
  await call(token, 'POST', 'api/apiKeys', { ...NEW_KEY, name: 'Soon', expiry_at: soon });
  await call(token, 'POST', 'api/apiKeys', { ...NEW_KEY, name: 'Eternal', expiry_at: null });
  await call(token, 'POST', 'api/apiKeys', { ...NEW_KEY, name: 'Usual' });
  const page = await visit.open('console', { user });
  await page.getByRole('button', { name: '1 key expires within 30 days' }).click();
  assert.deepEqual(await page.getByRole('rowheader').getByRole('link').allTextContents(), ['Soon']);
  await page.getByRole('button', { name: '1 key never expires' }).click();
  assert.deepEqual(await page.getByRole('rowheader').getByRole('link').allTextContents(), ['Eternal']);
  await page.getByRole('link', { name: 'Eternal' }).click();
  await page.getByText('Never expires.').waitFor();
  await visit.assertAccessible();
}));

test('the console is there within a second, and makes one call', inBrowser({}, async (visit) => {
  const { user } = await prepare();
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

/** The list as the API writes it, of as many keys as the rate limit does not let a test create. */
test('a thousand keys scroll smoothly', inBrowser({}, async (visit) => {
  const { user } = await prepare();
  await visit.context.route('**/api/apiKeys', async (route) => {
    const response = await route.fetch();
    const [key] = await response.json();
    const keys = Array.from({ length: 1000 }, (_, index) => ({ ...key, id: index + 1, name: `Key ${index + 1}` }));
    await route.fulfill({ response, json: keys });
  });
  const page = await visit.open('console', { user });
  await page.getByText('1,000 keys, 1,000 active').waitFor();
  const scroll = () =>
    page.evaluate(async () => {
      const times = [];
      const next = () => new Promise(requestAnimationFrame);
      scrollTo(0, 0);
      for (let last = await next(); scrollY + innerHeight < document.documentElement.scrollHeight - 1; ) {
        scrollBy(0, 600);
        const time = await next();
        times.push(time - last);
        last = time;
      }
      times.sort((a, b) => a - b);
      return { frames: times.length, median: times[Math.floor(times.length / 2)], late: times[Math.floor(times.length * 0.95)] };
    });
  // The machine has other work, too: the best of three is that of the page.
  const tries = [await scroll(), await scroll(), await scroll()];
  const { frames, median, late } = tries.sort((a, b) => a.late - b.late)[0];
  console.log(`1,000 keys: ${frames} frames, median ${median.toFixed(1)} ms, 95 % within ${late.toFixed(1)} ms`);
  assert.ok(frames > 50, `${frames} frames`);
  assert.ok(median < 34 && late < 100, `${median} ms, ${late} ms`);
  assert.equal(await page.getByRole('row').count(), 1001);
}));
