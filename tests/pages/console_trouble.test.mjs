// What goes wrong between a console and its API, and what a person sees of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { call, inBrowser, newUser, sign, url } from './rig.mjs';

const NEW_KEY = { name: 'Ward 3 dictation', type: 'live', status: 'active' };
/** What Chromium writes to the console for each response of a failure, and for each call without a network. */
const FAILURE = /^console: Failed to load resource/;

async function signInAgain(page, token) {
  await page.getByRole('dialog', { name: 'Your session has ended' }).waitFor();
  await page.getByRole('textbox', { name: 'Token' }).fill(token);
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('dialog', { name: 'Your session has ended' }).waitFor({ state: 'detached' });
}

test('the token leaves the address at once and is stored nowhere', inBrowser({}, async (visit) => {
  const page = await visit.open('console', { user: newUser() });
  await page.getByRole('heading', { name: 'API keys' }).waitFor();
  assert.ok(!page.url().includes('token'));
  assert.equal(await page.evaluate(() => history.length), 2);
  assert.deepEqual(await page.evaluate(() => ({ ...localStorage, ...sessionStorage })), { shortcuts: 'on', theme: 'system' });
}));

test('what cannot be a token is told from one', inBrowser({}, async (visit) => {
  const page = await visit.open('console');
  const token = page.getByRole('textbox', { name: 'Token' });
  for (const [typed, answer] of [['nonsense', 'This is no token'], [sign(newUser(), { seconds: -60 }), 'This token has expired']]) {
    await token.fill(typed);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText(answer).waitFor();
    await visit.assertAccessible();
  }
  assert.deepEqual(visit.requests.filter((request) => request.includes('/api/')), []);
}));

test('a session that ends in the midst goes on with what was typed', inBrowser({ expected: [FAILURE] }, async (visit) => {
  const user = newUser();
  const page = await visit.open('console', { user, seconds: 4 });
  await page.getByRole('button', { name: 'Create your first key' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill('Night ward');
  await page.getByRole('dialog', { name: 'Your session has ended' }).waitFor();
  await visit.assertAccessible();
  const token = sign(user);
  await signInAgain(page, token);
  assert.equal(await page.getByRole('textbox', { name: 'Name' }).inputValue(), 'Night ward');
  await page.getByRole('button', { name: 'Create key' }).last().click();
  await page.getByLabel('Key string').waitFor();
  assert.deepEqual((await call(token, 'GET', 'api/apiKeys')).map(({ name }) => name), ['Night ward']);
}));

test('another user who signs in sees nothing of the one before', inBrowser({ expected: [FAILURE] }, async (visit) => {
  const [user, other] = [newUser(), newUser()];
  await call(sign(user), 'POST', 'api/apiKeys', NEW_KEY);
  const page = await visit.open('console', { user, seconds: 4 });
  await page.getByRole('link', { name: NEW_KEY.name }).waitFor();
  await signInAgain(page, sign(other));
  await page.getByRole('heading', { name: 'You have no keys yet' }).waitFor();
  assert.equal(await page.getByText(NEW_KEY.name).count(), 0);
}));

test('without a network nothing typed is lost, and a repeat makes no second key', inBrowser({ expected: [FAILURE] }, async (visit) => {
  const user = newUser();
  const token = sign(user);
  const page = await visit.open('console', { user });
  await page.getByRole('button', { name: 'Create your first key' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill('Night ward');
  await visit.context.setOffline(true);
  const create = page.getByRole('button', { name: 'Create key' }).last();
  await create.click();
  await page.getByRole('dialog').getByText('No connection.').waitFor();
  await visit.assertAccessible();
  await page.keyboard.press('Escape');
  await page.getByText('You are offline.').waitFor();
  await visit.context.setOffline(false);
  await page.getByText('You are offline.').waitFor({ state: 'detached' });
  // The draft is there again; this time the answer is lost, though the key was made.
  await page.keyboard.press('c');
  assert.equal(await page.getByRole('textbox', { name: 'Name' }).inputValue(), 'Night ward');
  await page.route('**/api/apiKeys', async (route) => {
    await route.fetch();
    await route.abort('connectionreset');
  }, { times: 1 });
  await create.click();
  await page.getByText('Trying again does not make a second one.').waitFor();
  await create.click();
  await page.getByLabel('Key string').waitFor();
  assert.equal((await call(token, 'GET', 'api/apiKeys')).length, 1);
}));

test('two windows show the same, and share a sign-in', inBrowser({}, async (visit) => {
  const user = newUser();
  const token = sign(user);
  const key = await call(token, 'POST', 'api/apiKeys', NEW_KEY);
  const page = await visit.open('console', { user });
  await page.getByRole('link', { name: key.name }).waitFor();
  const second = await visit.context.newPage();
  await second.goto(url('console'));
  await second.getByRole('link', { name: key.name }).waitFor();
  await page.getByRole('button', { name: `Actions for ${key.name}` }).click();
  await page.getByRole('menuitem', { name: 'Pause' }).click();
  await second.getByRole('row').getByText('Paused').waitFor();
  await second.getByRole('button', { name: /^Account/ }).click();
  await second.getByRole('menuitem', { name: 'Sign out' }).click();
  for (const window of [page, second]) await window.getByRole('heading', { name: 'Sign in to your keys' }).waitFor();
}));

test('a key that was deleted elsewhere is said to be gone', inBrowser({ expected: [FAILURE] }, async (visit) => {
  const user = newUser();
  const token = sign(user);
  const key = await call(token, 'POST', 'api/apiKeys', NEW_KEY);
  const page = await visit.open('console', { user });
  await page.getByRole('link', { name: key.name }).waitFor();
  await call(token, 'DELETE', `api/apiKeys/${key.id}`);
  await page.getByRole('button', { name: `Actions for ${key.name}` }).click();
  await page.getByRole('menuitem', { name: 'Pause' }).click();
  await page.getByText('This key is gone').waitFor();
  await page.getByRole('heading', { name: 'You have no keys yet' }).waitFor();
}));

test('what cannot be accepted is marked at its field', inBrowser({ expected: [FAILURE] }, async (visit) => {
  const page = await visit.open('console', { user: newUser() });
  await page.getByRole('button', { name: 'Create your first key' }).click();
  const name = page.getByRole('textbox', { name: 'Name' });
  await name.fill('x'.repeat(300));
  await page.getByRole('button', { name: 'Create key' }).last().click();
  await page.getByText('Some of this cannot be accepted.').waitFor();
  assert.equal(await name.getAttribute('aria-invalid'), 'true');
  assert.ok(await name.evaluate((field) => field === document.activeElement));
  await visit.assertAccessible();
}));

test('a user whose calls are spent is told when they go on', inBrowser({ expected: [FAILURE] }, async (visit) => {
  // The minute must not end between the calls.
  const second = new Date().getUTCSeconds();
  if (second > 35) await new Promise((done) => setTimeout(done, (61 - second) * 1000));
  const user = newUser();
  const token = sign(user);
  await Promise.all(Array.from({ length: 100 }, () => call(token, 'GET', 'api/apiKeys')));
  const page = await visit.open('console', { user });
  await page.getByText(/Too many calls.*Try again in \d+ s\./).waitFor();
  await visit.assertAccessible();
}));

test('who is no administrator is told so', inBrowser({ expected: [FAILURE] }, async (visit) => {
  const page = await visit.open('console', { user: newUser() });
  await page.getByRole('heading', { name: 'API keys' }).waitFor();
  await page.goto(url(`console#/users/${newUser()}`));
  await page.getByText('Not allowed.').waitFor();
  await visit.assertAccessible();
}));

test('colours and shortcuts are kept, and nothing else', inBrowser({}, async (visit) => {
  const page = await visit.open('console', { user: newUser() });
  await page.getByRole('button', { name: 'Colours' }).click();
  await page.getByRole('menuitemradio', { name: 'Dark' }).click();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
  await page.reload();
  await page.getByRole('heading', { name: 'Sign in to your keys' }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
  await visit.assertAccessible();
}));
