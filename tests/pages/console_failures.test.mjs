// What fails between the console and its API, and the advice that a person gets.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { call, inBrowser, newUser, rewrite, sign, url } from './rig.mjs';

const NEW_KEY = { name: 'Ward 3 dictation', type: 'live', status: 'active' };
/** What Chromium writes to the console for each response of a failure, and for each call without a network. */
const FAILURE = /^console: Failed to load resource/;

/** Each response that a creation can get instead of the key, and the advice that follows. */
const REFUSALS = [
  [500, { error: 'Failed to create API Key' }, { 'x-request-id': 'c0ffee' }, 'Something went wrong on our side. Try again. If it happens again, ask support, and name request c0ffee.'],
  [502, '<html>Bad gateway</html>', {}, 'The service is busy. It is usually back within seconds. Try again.'],
  [503, { error: 'Service temporarily unavailable' }, { 'retry-after': '90' }, 'The service is busy. It is usually back within seconds. Try again. Try again in 90 s.'],
  [504, { error: 'Timed out' }, {}, 'The service is busy.'],
  [429, { error: 'Rate limit exceeded' }, { 'retry-after': '1800' }, /Too many calls\. Your programs and this console share a limit\..* Try again in (29|30) minutes\./],
  [413, { error: 'Request body too large' }, {}, 'Some of this cannot be accepted. Correct what is marked, then try again.'],
  [400, { error: 'Validation failed', details: [{ field: 'status', message: 'status must be one of active, paused' }] }, {}, 'The status must be one of active, paused.'],
  [403, { error: 'Forbidden' }, {}, 'Not allowed.'],
  [409, { error: 'API Key limit reached' }, {}, 'You have reached the limit of keys. Delete one that is no longer used, then try again.'],
  [409, { error: 'Idempotency-Key was used with a different request' }, {}, 'The key has changed in the meantime. Load it again, look at its state, then try again.'],
];

test('every failure says what to do, and the form keeps what was typed', inBrowser({ expected: [FAILURE] }, async (visit) => {
  const user = newUser();
  const page = await visit.open('console', { user });
  await page.getByRole('button', { name: 'Create your first key' }).click();
  const name = page.getByRole('textbox', { name: 'Name' });
  await name.fill('Night ward');
  const create = page.getByRole('button', { name: 'Create key' }).last();
  for (const [status, body, headers, advice] of REFUSALS) {
    const answer = { status, headers, ...(typeof body === 'string' ? { body } : { json: body }) };
    await page.route('**/api/apiKeys', (route) => route.fulfill(answer), { times: 1 });
    await create.click();
    const note = page.getByRole('dialog').getByRole('alert');
    await note.filter({ hasText: advice }).waitFor();
    assert.equal(await name.inputValue(), 'Night ward');
  }
  await visit.assertAccessible();
  await create.click();
  await page.getByLabel('Key string').waitFor();
  assert.deepEqual((await call(sign(user), 'GET', 'api/apiKeys')).map((key) => key.name), ['Night ward']);
}));

test('a list that does not come says what to do, and comes when it can', inBrowser({ expected: [FAILURE] }, async (visit) => {
  // The console waits for 30 s; a test has less patience.
  await visit.context.addInitScript(() => {
    const { timeout } = AbortSignal;
    AbortSignal.timeout = (ms) => timeout.call(AbortSignal, ms / 60);
  });
  const user = newUser();
  await call(sign(user), 'POST', 'api/apiKeys', NEW_KEY);
  const troubles = [
    [(route) => route.fulfill({ status: 503, json: { error: 'Service temporarily unavailable' } }), 'The service is busy.'],
    [(route) => route.fulfill({ status: 500, json: { error: 'Failed to list API Keys' } }), 'Something went wrong on our side.'],
    [(route) => route.fulfill({ status: 200, contentType: 'application/json', body: '[{"id": 1, "na' }), 'No connection.'],
    [() => {}, 'No answer within 30 seconds.'],
    [(route) => route.abort('connectionreset'), 'No connection.'],
  ];
  await visit.context.route('**/api/apiKeys', troubles[0][0], { times: 1 });
  const page = await visit.open('console', { user });
  for (const [index, [, advice]] of troubles.entries()) {
    await page.getByRole('alert').filter({ hasText: advice }).waitFor();
    if (troubles[index + 1]) await visit.context.route('**/api/apiKeys', troubles[index + 1][0], { times: 1 });
    await page.getByRole('button', { name: 'Try again' }).click();
  }
  await page.getByRole('link', { name: NEW_KEY.name }).waitFor();
  assert.equal(await page.getByRole('alert').count(), 0);
  // A failure leaves what is there already.
  await visit.context.route('**/api/apiKeys', (route) => route.abort('connectionreset'), { times: 1 });
  await page.getByRole('button', { name: 'Load again' }).click();
  await page.getByRole('alert').filter({ hasText: 'No connection.' }).waitFor();
  await page.getByRole('link', { name: NEW_KEY.name }).waitFor();
  await visit.assertAccessible();
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

test('an edit and a rotation outlive a lost connection', inBrowser({ expected: [FAILURE] }, async (visit) => {
  const user = newUser();
  const token = sign(user);
  const key = await call(token, 'POST', 'api/apiKeys', NEW_KEY);
  const page = await visit.open('console', { user });
  await page.getByRole('link', { name: key.name }).click();
  const menu = page.getByRole('button', { name: 'More actions' });
  await menu.click();
  await page.getByRole('menuitem', { name: 'Edit' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill('Night ward');
  await visit.context.setOffline(true);
  await page.getByRole('button', { name: 'Save changes' }).click();
  await page.getByRole('dialog').getByText('No connection.').waitFor();
  await page.keyboard.press('Escape');
  await visit.context.setOffline(false);
  await menu.click();
  await page.getByRole('menuitem', { name: 'Edit' }).click();
  assert.equal(await page.getByRole('textbox', { name: 'Name' }).inputValue(), 'Night ward');
  await page.getByRole('button', { name: 'Save changes' }).click();
  await page.getByRole('heading', { name: 'Night ward' }).waitFor();

  // The answer to the rotation is lost, and a repeat gets the same string.
  await page.getByRole('button', { name: 'Rotate', exact: true }).click();
  let lost;
  await page.route('**/rotate', async (route) => {
    lost = await (await route.fetch()).json();
    await route.abort('connectionreset');
  }, { times: 1 });
  await page.getByRole('button', { name: 'Rotate key' }).click();
  await page.getByText('Trying again does not rotate it a second time.').waitFor();
  await page.getByRole('button', { name: 'Rotate key' }).click();
  assert.equal(await page.getByLabel('Key string').textContent(), lost.key);
  const trail = await call(token, 'GET', `api/apiKeys/${key.id}/audit`);
  assert.deepEqual(trail.map(({ action }) => action), ['rotate', 'update', 'create']);
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

test('a key that has expired elsewhere is said to have', inBrowser({ expected: [FAILURE] }, async (visit) => {
  const user = newUser();
  const token = sign(user);
  const key = await call(token, 'POST', 'api/apiKeys', NEW_KEY);
  const page = await visit.open('console', { user });
  await page.getByRole('link', { name: key.name }).waitFor();
  rewrite(key, { expires_at: Math.floor(Date.now() / 1000) - 60 });
  await page.getByRole('button', { name: `Actions for ${key.name}` }).click();
  await page.getByRole('menuitem', { name: 'Pause' }).click();
  await page.getByText('This key has expired. Expired keys can be renamed and deleted only.').waitFor();
  await page.getByRole('row').getByText('Expired').waitFor();
}));
