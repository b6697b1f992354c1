// A token: how the console gets one, and what happens when it has ended or is refused.

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

test('a token that the API refuses is told from one that has ended', inBrowser({ expected: [FAILURE] }, async (visit) => {
  const [user, other] = [newUser(), newUser()];
  await call(sign(other), 'POST', 'api/apiKeys', NEW_KEY);
  const forged = sign(user).replace(/.{8}$/, 'AAAAAAAA');
  const page = visit.page;
  await page.goto(`${url('console')}#token=${forged}`);
  await page.getByRole('dialog', { name: 'Your token was refused' }).waitFor();
  await page.getByText('The signature of the token is not valid.').waitFor();
  await visit.assertAccessible();
  // Whoever signs in then is another user to this page, and sees their own keys.
  await page.getByRole('textbox', { name: 'Token' }).fill(sign(other));
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('link', { name: NEW_KEY.name }).waitFor();
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
