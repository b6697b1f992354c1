// Two windows of one user.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { call, inBrowser, newUser, sign, url } from './rig.mjs';

const NEW_KEY = { name: 'Ward 3 dictation', type: 'live', status: 'active' };
/** What Chromium writes to the console for each response of a failure, and for each call without a network. */
const FAILURE = /^console: Failed to load resource/;

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

test('a dialog says what another window has done to its key', inBrowser({}, async (visit) => {
  const user = newUser();
  const token = sign(user);
  const key = await call(token, 'POST', 'api/apiKeys', NEW_KEY);
  const page = await visit.open('console', { user });
  const second = await visit.context.newPage();
  await second.goto(url('console'));
  const act = async (window, item, name) => {
    await window.getByRole('button', { name: `Actions for ${name}` }).click();
    await window.getByRole('menuitem', { name: item }).click();
  };
  await act(page, 'Edit', key.name);
  await act(second, 'Edit', key.name);
  await second.getByRole('textbox', { name: 'Name' }).fill('Renamed elsewhere');
  await second.getByRole('button', { name: 'Save changes' }).click();
  await page.getByText('Changed in the meantime.').waitFor();
  await page.getByRole('dialog').getByText('Renamed elsewhere').waitFor();
  await visit.assertAccessible();
  // Only the type is changed here, so the name of the other window stays.
  await page.getByRole('radio', { name: /^T2YD/ }).locator('xpath=ancestor::label').click();
  await page.getByRole('button', { name: 'Save changes' }).click();
  await second.getByRole('row').getByText('T2YD').waitFor();
  const { name, type } = await call(token, 'GET', `api/apiKeys/${key.id}`);
  assert.deepEqual([name, type], ['Renamed elsewhere', 't2yd']);

  // A string that was just issued is replaced by the other window.
  await act(page, 'Rotate', name);
  await page.getByRole('button', { name: 'Rotate key' }).click();
  await page.getByLabel('Key string').waitFor();
  await act(second, 'Rotate', name);
  await second.getByRole('button', { name: 'Rotate key' }).click();
  await page.getByText('The key has a newer string.').waitFor();
  assert.equal(await second.getByText('The key has a newer string.').count(), 0);

  await second.getByRole('button', { name: 'Close' }).last().click();
  await second.getByRole('button', { name: 'Close' }).last().click();
  await act(second, 'Delete', name);
  await second.getByRole('textbox').fill(name);
  await second.getByRole('button', { name: 'Delete key' }).click();
  await page.getByText('Deleted in the meantime.').waitFor();
  await visit.assertAccessible();
}));
