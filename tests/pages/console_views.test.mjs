// Every view of the console, in each width, light and dark: it fits, it can be read by all, and a reload comes back to it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { call, inBrowser, newUser, rewrite, sign, url, WIDTHS } from './rig.mjs';

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

for (const width of WIDTHS) {
  const how = `${width} px`;

  test(`the page of a key shows its uses, its history and its formats, ${how}`, inBrowser({ width }, async (visit) => {
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
  }));

  test(`no key, a missing key and a wrong address say where to go, ${how}`, inBrowser({ width, expected: [MISSING] }, async (visit) => {
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

  test(`an administrator looks at the keys of a user, masked, ${how}`, inBrowser({ width }, async (visit) => {
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

  test(`an administrator finds the key of a string, ${how}`, inBrowser({ width, expected: [/^console: Failed to load resource.* 404/] }, async (visit) => {
    const { user, key } = await prepare();
    const page = await visit.open('console', { user: newUser(), role: 'admin' });
    await page.getByRole('link', { name: 'Users' }).click();
    const string = page.getByRole('textbox', { name: 'Key string' });
    await string.fill('nux_live_of-nobody');
    await page.getByRole('button', { name: 'Find key' }).click();
    await page.getByText('No key has this string.').waitFor();
    await visit.assertAccessible();
    await visit.assertFits();
    await string.fill(` ${key.key} `);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: `Keys of user ${user}` }).waitFor();
    await page.getByRole('row').getByText('Ward 4 dictation').waitFor();
    assert.equal((await page.getByRole('rowheader').count()), 1);
    assert.ok(!(await page.content()).includes(key.key) && !page.url().includes(key.key));
    await visit.assertAccessible();
  }));

  test(`a reload anywhere comes back there after signing in, ${how}`, inBrowser({ width }, async (visit) => {
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

test('what needs a look is said: expiring soon, never, or unused', inBrowser({}, async (visit) => {
  const user = newUser();
  const token = sign(user);
  const soon = new Date(Date.now() + 10 * 86_400_000).toISOString();
  await call(token, 'POST', 'api/apiKeys', { ...NEW_KEY, name: 'Soon', expiry_at: soon });
  await call(token, 'POST', 'api/apiKeys', { ...NEW_KEY, name: 'Eternal', expiry_at: null });
  await call(token, 'POST', 'api/apiKeys', { ...NEW_KEY, name: 'Usual' });
  const ago = (days) => Math.floor(Date.now() / 1000) - days * 86_400;
  rewrite(await call(token, 'POST', 'api/apiKeys', { ...NEW_KEY, name: 'Forgotten' }), { created_at: ago(200), used_at: ago(91) });
  rewrite(await call(token, 'POST', 'api/apiKeys', { ...NEW_KEY, name: 'Remembered' }), { created_at: ago(200), used_at: ago(89) });
  const page = await visit.open('console', { user });
  await page.getByRole('button', { name: '1 key expires within 30 days' }).click();
  assert.deepEqual(await page.getByRole('rowheader').getByRole('link').allTextContents(), ['Soon']);
  await page.getByRole('button', { name: '1 key never expires' }).click();
  assert.deepEqual(await page.getByRole('rowheader').getByRole('link').allTextContents(), ['Eternal']);
  await page.getByRole('link', { name: 'Eternal' }).click();
  await page.getByText('Never expires.').waitFor();
  await visit.assertAccessible();
  await page.goBack();
  await page.getByRole('button', { name: '1 key unused for 90 days' }).click();
  assert.deepEqual(await page.getByRole('rowheader').getByRole('link').allTextContents(), ['Forgotten']);
  await page.getByRole('link', { name: 'Forgotten' }).click();
  await page.getByText('Unused for 90 days.').waitFor();
  await visit.assertAccessible();
}));

test('a key that expires while it is shown is shown as expired', inBrowser({}, async (visit) => {
  const user = newUser();
  const expiry = new Date(Date.now() + 6_000).toISOString();
  await call(sign(user), 'POST', 'api/apiKeys', { ...NEW_KEY, expiry_at: expiry });
  const page = await visit.open('console', { user });
  await page.getByRole('row').getByText('Active').waitFor();
  await page.getByRole('row').getByText('Expired').waitFor({ timeout: 15_000 });
  await page.getByText('1 key, 0 active').waitFor();
  assert.deepEqual(visit.requests.filter((request) => request.includes('/api/')), ['GET /api/apiKeys']);
}));

test('the uses of each day are read by the arrow keys', inBrowser({}, async (visit) => {
  const { user, key } = await prepare();
  const today = Math.floor(Date.now() / 86_400_000);
  rewrite({ user_id: user, id: key.id }, { uses: 57, days: { [today.toString(36)]: 12, [(today - 1).toString(36)]: 45 } });
  const page = await visit.open('console', { user });
  await page.getByRole('link', { name: 'Ward 4 dictation' }).click();
  await page.getByText('57 uses in the last 31 days').waitFor();
  await page.getByRole('img', { name: /^Uses per day/ }).focus();
  await page.keyboard.press('End');
  await page.getByText(/: 12 uses$/).waitFor();
  await page.keyboard.press('ArrowLeft');
  await page.getByText(/: 45 uses$/).waitFor();
  await page.keyboard.press('Home');
  await page.getByText(/: 0 uses$/).waitFor();
  await visit.assertAccessible();
}));

test('a long history is shown in parts', inBrowser({}, async (visit) => {
  const user = newUser();
  const token = sign(user);
  const key = await call(token, 'POST', 'api/apiKeys', NEW_KEY);
  for (let turn = 0; turn < 26; turn += 1) {
    await call(token, 'PATCH', `api/apiKeys/${key.id}/pause`);
    await call(token, 'PATCH', `api/apiKeys/${key.id}/resume`);
  }
  const page = await visit.open('console', { user });
  await page.getByRole('link', { name: key.name }).click();
  const history = page.getByRole('region', { name: 'History' });
  await history.getByText('Paused by you').first().waitFor();
  assert.equal(await history.getByText('Created by you').count(), 0);
  await history.getByRole('button', { name: 'Show older entries' }).click();
  await history.getByText('Created by you').waitFor();
  assert.equal(await history.getByRole('button', { name: 'Show older entries' }).count(), 0);
  assert.equal(await history.getByText('Paused by you').count(), 26);
}));

test('a menu stays with its button while the page scrolls', inBrowser({ width: 360 }, async (visit) => {
  const user = newUser();
  const token = sign(user);
  for (let index = 1; index <= 8; index += 1) await call(token, 'POST', 'api/apiKeys', { ...NEW_KEY, name: `Key ${index}` });
  const page = await visit.open('console', { user });
  const button = page.getByRole('button', { name: 'Actions for Key 5' });
  await button.click();
  const menu = page.getByRole('menu');
  const gap = async () => {
    const [above, below] = [await button.boundingBox(), await menu.boundingBox()];
    return Math.min(Math.abs(below.y - above.y - above.height), Math.abs(above.y - below.y - below.height));
  };
  await page.evaluate(() => scrollBy(0, 60));
  await page.waitForTimeout(100);
  assert.ok((await gap()) < 8, `${await gap()} px`);
  await page.evaluate(() => scrollTo(0, 0));
  await menu.waitFor({ state: 'detached' });
}));
