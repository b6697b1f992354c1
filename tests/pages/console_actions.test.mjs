// Everything that can be done to a key, with either pair of hands, in every view.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { HANDS } from './console_hands.mjs';
import { call, inBrowser, newUser, sign, VIEWS } from './rig.mjs';

const NEW_KEY = { name: 'Ward 3 dictation', type: 'live', status: 'active' };

/** A user with keys, in the console. */
async function arrive(visit, ...keys) {
  const user = newUser();
  const token = sign(user);
  const made = [];
  for (const key of keys) {
    // The message says that it was created, and is no part of the key.
    const { message: _, ...created } = await call(token, 'POST', 'api/apiKeys', { ...NEW_KEY, ...key });
    made.push(created);
  }
  const page = await visit.open('console', { user });
  await page.getByRole('heading', { name: 'API keys' }).waitFor();
  return { page, token, keys: made };
}

/** Opens the menu of a key in the list, and picks one of its actions. */
async function act(hands, page, name, item) {
  await hands.press(page.getByRole('button', { name: `Actions for ${name}` }));
  await hands.pick(page, item);
}

for (const view of VIEWS) {
  for (const hands of HANDS) {
    const how = `${hands.name} at ${view.width} px, ${view.colorScheme}`;

    test(`a key is created and its string shown once, ${how}`, inBrowser(view, async (visit) => {
      await visit.context.grantPermissions(['clipboard-read', 'clipboard-write']);
      const { page, token } = await arrive(visit);
      await hands.press(page.getByRole('button', { name: 'Create your first key' }));
      await hands.fill(page.getByRole('textbox', { name: 'Name' }), 'Night ward');
      await hands.choose(page.getByRole('radio', { name: /^Test/ }));
      await hands.choose(page.getByRole('radio', { name: '90 days' }));
      await visit.assertAccessible();
      await visit.assertFits();
      await hands.press(page.getByRole('button', { name: 'Create key' }).last());

      const shown = await page.getByLabel('Key string').textContent();
      assert.match(shown, /^nux_test_[0-9A-Za-z]{56}$/);
      await visit.assertAccessible();
      await hands.press(page.getByRole('button', { name: 'Copy', exact: true }));
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), shown);
      await hands.press(page.getByRole('button', { name: 'Done' }));
      await page.getByRole('dialog').waitFor({ state: 'detached' });

      const [key, ...others] = await call(token, 'GET', 'api/apiKeys');
      assert.deepEqual(others, []);
      assert.equal(key.key, shown);
      assert.equal(key.name, 'Night ward');
      const days = (Date.parse(key.expiry_at) - Date.parse(key.created_at)) / 86_400_000;
      assert.ok(Math.abs(days - 90) < 0.01, `${days} days`);
    }));

    test(`a key is renamed, ${how}`, inBrowser(view, async (visit) => {
      const { page, token, keys: [key] } = await arrive(visit, {});
      await act(hands, page, key.name, 'Edit');
      await hands.fill(page.getByRole('textbox', { name: 'Name' }), 'Ward 4 dictation');
      await visit.assertAccessible();
      await hands.press(page.getByRole('button', { name: 'Save changes' }));
      await page.getByRole('link', { name: 'Ward 4 dictation' }).waitFor();
      const changed = await call(token, 'GET', `api/apiKeys/${key.id}`);
      assert.deepEqual(changed, { ...key, name: 'Ward 4 dictation' });
    }));

    test(`a key is paused and resumed, ${how}`, inBrowser(view, async (visit) => {
      const { page, token, keys: [key] } = await arrive(visit, {});
      await act(hands, page, key.name, 'Pause');
      await page.getByRole('row').getByText('Paused').waitFor();
      assert.equal((await call(token, 'GET', `api/apiKeys/${key.id}`)).status, 'paused');
      await act(hands, page, key.name, 'Resume');
      await page.getByRole('row').getByText('Active').waitFor();
      assert.equal((await call(token, 'GET', `api/apiKeys/${key.id}`)).status, 'active');
    }));

    test(`a key is rotated with a grace period, ${how}`, inBrowser(view, async (visit) => {
      const { page, token, keys: [key] } = await arrive(visit, {});
      await act(hands, page, key.name, 'Rotate');
      await hands.choose(page.getByRole('radio', { name: 'After 1 hour' }));
      await visit.assertAccessible();
      await hands.press(page.getByRole('button', { name: 'Rotate key' }));
      const shown = await page.getByLabel('Key string').textContent();
      assert.notEqual(shown, key.key);
      const service = sign(newUser(), { role: 'service' });
      for (const string of [key.key, shown]) {
        assert.equal((await call(service, 'POST', 'api/apiKeys/verify', { key: string })).valid, true);
      }
      const [rotation] = await call(token, 'GET', `api/apiKeys/${key.id}/audit`);
      assert.equal(rotation.action, 'rotate');
      const grace = (Date.parse(rotation.changes.previous_key_until.to) - Date.parse(rotation.at)) / 1000;
      assert.ok(Math.abs(grace - 3600) <= 1, `${grace} s`);
    }));

    test(`a key becomes the default in place of another, and ceases to be, ${how}`, inBrowser(view, async (visit) => {
      const { page, token, keys: [first, second] } = await arrive(visit, { name: 'First' }, { name: 'Second' });
      await call(token, 'PATCH', 'api/apiKeys/setDefault', { id: first.id });
      await page.reload();
      // The token was in memory alone.
      await page.goto(`${page.url().split('#')[0]}#token=${token}`);
      const row = (name) => page.getByRole('row').filter({ hasText: name });
      await row('First').getByText('Default').waitFor();
      await act(hands, page, 'Second', 'Make default');
      await row('Second').getByText('Default').waitFor();
      assert.equal(await row('First').getByText('Default').count(), 0);
      await act(hands, page, 'Second', 'Remove as default');
      await row('Second').getByText('Default').waitFor({ state: 'detached' });
      const keys = await call(token, 'GET', 'api/apiKeys');
      assert.deepEqual(keys.map(({ id, is_default }) => [id, is_default]), [[first.id, false], [second.id, false]]);
    }));

    test(`a key is deleted only when its name is typed, ${how}`, inBrowser(view, async (visit) => {
      const { page, token, keys: [key] } = await arrive(visit, {});
      await act(hands, page, key.name, 'Delete');
      const name = page.getByRole('textbox');
      await hands.fill(name, 'Ward 3');
      await hands.press(page.getByRole('button', { name: 'Delete key' }));
      await page.getByText('This is not the name.').waitFor();
      assert.equal((await call(token, 'GET', 'api/apiKeys')).length, 1);
      await visit.assertAccessible();
      await hands.fill(name, key.name);
      await hands.press(page.getByRole('button', { name: 'Delete key' }));
      await page.getByRole('heading', { name: 'You have no keys yet' }).waitFor();
      assert.deepEqual(await call(token, 'GET', 'api/apiKeys'), []);
    }));
  }
}
