// Everything that can be done to a key, with either pair of hands, in each width.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { HANDS } from './console_hands.mjs';
import { call, inBrowser, newUser, sign, WIDTHS } from './rig.mjs';

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

const daysFrom = (from, to) => (Date.parse(to) - Date.parse(from)) / 86_400_000;

for (const width of WIDTHS) {
  for (const hands of HANDS) {
    const how = `${hands.name} at ${width} px`;

    test(`a key is created and its string shown once, ${how}`, inBrowser({ width }, async (visit) => {
      await visit.context.grantPermissions(['clipboard-read', 'clipboard-write']);
      const { page, token } = await arrive(visit);
      await hands.press(page.getByRole('button', { name: 'Create your first key' }));
      await hands.fill(page.getByRole('textbox', { name: 'Name' }), 'Night ward');
      await hands.choose(page.getByRole('radio', { name: /^Test/ }));
      await hands.choose(page.getByRole('radio', { name: 'On a day' }));
      await hands.date(page.getByRole('textbox', { name: 'Day' }), { year: '2030', month: '03', day: '01' });
      await visit.assertAccessible();
      await visit.assertFits();
      await hands.press(page.getByRole('button', { name: 'Create key' }).last());

      const shown = await page.getByLabel('Key string').textContent();
      assert.match(shown, /^nux_test_[0-9A-Za-z]{56}$/);
      await visit.assertAccessible();
      // Closing it before the string is copied takes a second time.
      await hands.press(page.getByRole('button', { name: 'Close' }).last());
      await page.getByText('Not copied yet.').waitFor();
      await visit.assertInView(page.getByText('Not copied yet.'));
      await visit.assertAccessible();
      await hands.press(page.getByRole('button', { name: 'Copy', exact: true }));
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), shown);
      await hands.press(page.getByRole('button', { name: 'Done' }));
      await page.getByRole('dialog').waitFor({ state: 'detached' });

      const [key, ...others] = await call(token, 'GET', 'api/apiKeys');
      assert.deepEqual(others, []);
      assert.equal(key.key, shown);
      assert.equal(key.name, 'Night ward');
      // The last second of that day, where the browser is.
      const end = await page.evaluate(() => new Date(2030, 2, 1, 23, 59, 59).toISOString());
      assert.equal(Date.parse(key.expiry_at), Date.parse(end));
    }));

    test(`a key is edited, ${how}`, inBrowser({ width }, async (visit) => {
      const { page, token, keys: [key] } = await arrive(visit, {});
      await act(hands, page, key.name, 'Edit');
      await hands.fill(page.getByRole('textbox', { name: 'Name' }), 'Ward 4 dictation');
      await hands.choose(page.getByRole('radio', { name: /^T2YD/ }));
      await hands.choose(page.getByRole('radio', { name: '90 days' }));
      await visit.assertAccessible();
      await visit.assertFits();
      await hands.press(page.getByRole('button', { name: 'Save changes' }));
      await page.getByRole('link', { name: 'Ward 4 dictation' }).waitFor();
      const { expiry_at, ...changed } = await call(token, 'GET', `api/apiKeys/${key.id}`);
      const { expiry_at: _, ...before } = key;
      assert.deepEqual(changed, { ...before, name: 'Ward 4 dictation', type: 't2yd' });
      const days = daysFrom(key.created_at, expiry_at);
      assert.ok(Math.abs(days - 90) < 0.01, `${days} days`);
    }));

    test(`a key is paused, and it is undone, ${how}`, inBrowser({ width }, async (visit) => {
      const { page, token, keys: [key] } = await arrive(visit, {});
      await act(hands, page, key.name, 'Pause');
      await page.getByRole('row').getByText('Paused').waitFor();
      assert.equal((await call(token, 'GET', `api/apiKeys/${key.id}`)).status, 'paused');
      await visit.assertAccessible();
      await hands.press(page.getByRole('button', { name: 'Undo' }));
      await page.getByRole('row').getByText('Active').waitFor();
      assert.equal((await call(token, 'GET', `api/apiKeys/${key.id}`)).status, 'active');
    }));

    test(`a key is paused, resumed and edited on its page, ${how}`, inBrowser({ width }, async (visit) => {
      const { page, token, keys: [key] } = await arrive(visit, { expiry_at: null });
      await hands.press(page.getByRole('link', { name: key.name }));
      await hands.press(page.getByRole('button', { name: 'Pause' }));
      await page.getByText('Calls with this key are refused until you resume it.').waitFor();
      assert.equal((await call(token, 'GET', `api/apiKeys/${key.id}`)).status, 'paused');
      await hands.press(page.getByRole('button', { name: 'Resume' }).last());
      await page.getByText('Calls with this key are refused until you resume it.').waitFor({ state: 'detached' });
      assert.equal((await call(token, 'GET', `api/apiKeys/${key.id}`)).status, 'active');
      await hands.press(page.getByRole('button', { name: 'Set an expiry' }));
      await hands.choose(page.getByRole('radio', { name: '30 days' }));
      await hands.press(page.getByRole('button', { name: 'Save changes' }));
      await page.getByText('Expires soon.').waitFor();
      const { expiry_at } = await call(token, 'GET', `api/apiKeys/${key.id}`);
      assert.ok(Math.abs(daysFrom(key.created_at, expiry_at) - 30) < 0.01, expiry_at);
    }));

    test(`a key is rotated with a grace period, ${how}`, inBrowser({ width }, async (visit) => {
      const { page, token, keys: [key] } = await arrive(visit, {});
      await act(hands, page, key.name, 'Rotate');
      await hands.choose(page.getByRole('radio', { name: 'After 1 hour' }));
      await visit.assertAccessible();
      await visit.assertFits();
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

    test(`a key becomes the default in place of another, and ceases to be, ${how}`, inBrowser({ width }, async (visit) => {
      const { page, token, keys: [first, second] } = await arrive(visit, { name: 'First' }, { name: 'Second' });
      await call(token, 'PATCH', 'api/apiKeys/setDefault', { id: first.id });
      await hands.press(page.getByRole('button', { name: 'Load again' }));
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

    test(`a key is deleted only when its name is typed, ${how}`, inBrowser({ width }, async (visit) => {
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

    test(`keys are searched, filtered and sorted, and the address says so, ${how}`, inBrowser({ width }, async (visit) => {
      const soon = new Date(Date.now() + 10 * 86_400_000).toISOString();
      const { page, keys } = await arrive(visit, { name: 'Beta' }, { name: 'alpha', type: 'test', status: 'paused', expiry_at: soon }, { name: 'Gamma', status: 'paused' });
      const names = () => page.getByRole('rowheader').getByRole('link').allTextContents();
      const isCards = width < 1000;
      await page.getByRole('table').waitFor();
      assert.deepEqual(await names(), ['Gamma', 'alpha', 'Beta']);
      if (isCards) await hands.select(page.getByRole('combobox', { name: 'Sort by' }), 'Name');
      else await hands.press(page.getByRole('button', { name: 'Name', exact: true }));
      await page.waitForURL(/sort=-?name$/);
      if (isCards) await hands.press(page.getByRole('button', { name: 'Sort in ascending order' }));
      assert.deepEqual(await names(), ['alpha', 'Beta', 'Gamma']);
      await hands.press(page.getByRole('button', isCards ? { name: 'Sort in descending order' } : { name: 'Name', exact: true }));
      assert.deepEqual(await names(), ['Gamma', 'Beta', 'alpha']);
      await hands.press(page.getByRole('group', { name: 'Status' }).getByRole('button', { name: /^Paused/ }));
      assert.deepEqual(await names(), ['Gamma', 'alpha']);
      await hands.select(page.getByRole('combobox', { name: 'Type' }), 'Test');
      await page.waitForURL(/type=test/);
      assert.deepEqual(await names(), ['alpha']);
      assert.ok(page.url().endsWith('#/?status=paused&type=test&sort=-name'), page.url());
      await hands.fill(page.getByRole('searchbox'), 'zzz');
      await page.getByRole('heading', { name: 'No key matches' }).waitFor();
      await visit.assertAccessible();
      await visit.assertFits();
      await hands.press(page.getByRole('button', { name: 'Show all keys' }));
      assert.equal((await names()).length, 3);
      await hands.press(page.getByRole('button', { name: '1 key expires within 30 days' }));
      assert.deepEqual(await names(), ['alpha']);
      await hands.press(page.getByRole('button', { name: '1 key expires within 30 days' }));
      await hands.fill(page.getByRole('searchbox'), 'GAM');
      assert.deepEqual(await names(), ['Gamma']);
      await hands.fill(page.getByRole('searchbox'), keys[0].key);
      assert.deepEqual(await names(), ['Beta']);
    }));

    test(`a key is read in each format, ${how}`, inBrowser({ width }, async (visit) => {
      const { page, keys: [key] } = await arrive(visit, {});
      await hands.press(page.getByRole('link', { name: key.name }));
      for (const [tab, text] of [['HL7 v2', 'MSH|'], ['FHIR R4', '"resourceType": "Basic"'], ['JSON', `"id": ${key.id}`]]) {
        await hands.tab(page.getByRole('tab', { name: tab }));
        const panel = page.getByRole('tabpanel', { name: tab }).getByRole('region');
        await panel.waitFor();
        const shown = await panel.textContent();
        assert.ok(shown.includes(text) && !shown.includes(key.key), shown);
        await visit.assertAccessible();
        await visit.assertFits();
      }
    }));
  }
}
