// The API reference: read, and calls tried in it, by mouse and by keyboard.

import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { test } from 'node:test';

import { call, inBrowser, newUser, printed, sign, url, WIDTHS } from './rig.mjs';

/** What Chromium writes to the console for each response of a failure, which Swagger UI shows. */
const FAILURE = /^console: Failed to load resource: the server responded with a status of 4\d\d/;

/** The operation, open. The link in the page's list leads to it. */
async function open(page, summary) {
  const menu = page.getByRole('navigation', { name: 'Operations' });
  if (!(await menu.locator('details').evaluate((details) => details.open))) await menu.locator('summary').click();
  await menu.getByRole('link', { name: summary }).first().click();
  const id = new URL(page.url()).hash.split('/').at(-1);
  const operation = page.locator(`.opblock.is-open[id$="-${id}"]`);
  await operation.locator('.btn.execute').waitFor();
  return operation;
}

/** Makes the call, and forgets the one before. */
async function execute(operation) {
  const clear = operation.getByRole('button', { name: 'Clear' });
  if (await clear.count()) await clear.click();
  await operation.getByRole('button', { name: 'Execute' }).click();
  return response(operation);
}

/** Status and body of the call that was made. */
async function response(operation) {
  const live = operation.locator('.live-responses-table');
  await live.waitFor();
  const status = await live.locator('tbody .response-col_status').first().textContent();
  const body = await live.locator('.highlight-code .microlight').first().textContent();
  return { status: Number.parseInt(status, 10), body: JSON.parse(body) };
}

for (const width of WIDTHS) {
  const where = `at ${width} px`;

  test(`a developer reads the contract and tries a call, ${where}`, inBrowser({ width }, async (visit) => {
    const user = newUser();
    const page = await visit.open('docs', { user });
    await page.getByRole('heading', { level: 1, name: 'Nuxera API keys' }).waitFor();
    assert.equal(page.url(), url('docs'), 'the token has left the address');
    assert.match(await page.getByRole('status').textContent(), new RegExp(`^Calls are made as user ${user}, for another \\d+ min\\.$`));
    await visit.assertAccessible();
    await visit.assertFits();
    await visit.screenshot('reference');

    const create = await open(page, 'Create API Key');
    await visit.assertAccessible();
    await visit.assertFits();
    await visit.screenshot('reference-operation');
    const created = await execute(create);
    assert.equal(created.status, 201);
    assert.match(created.body.key, /^nux_(live|test)_[0-9A-Za-z]{56}$/);
    await visit.assertAccessible();
    await visit.assertFits();
    await create.locator('.live-responses-table').scrollIntoViewIfNeeded();
    await visit.screenshot('reference-response');

    const [key, ...others] = await call(sign(user), 'GET', 'api/apiKeys');
    assert.deepEqual([key.id, others], [created.body.id, []]);
    await page.goBack();
    const list = await open(page, 'Get All User API Keys');
    const listed = await execute(list);
    assert.deepEqual([listed.status, listed.body.map(({ id }) => id)], [200, [key.id]]);
  }));

  test(`the token is given in a dialogue, ${where}`, inBrowser({ width, expected: [FAILURE] }, async (visit) => {
    const page = await visit.open('docs');
    assert.match(await page.getByRole('status').textContent(), /^No token/);
    const list = await open(page, 'Get All User API Keys');
    const refused = await execute(list);
    assert.deepEqual([refused.status, refused.body], [401, { error: 'JWT token required' }]);

    await page.locator('.auth-wrapper .btn.authorize').click();
    const dialogue = page.locator('.modal-ux');
    await dialogue.waitFor();
    await visit.assertAccessible();
    await visit.assertFits();
    await visit.screenshot('reference-authorize');
    await dialogue.locator('input').first().fill(sign(newUser()));
    await dialogue.getByRole('button', { name: /Apply|Authorize/ }).first().click();
    await dialogue.getByRole('button', { name: 'Close' }).first().click();
    const answered = await execute(list);
    assert.deepEqual([answered.status, answered.body], [200, []]);
  }));
}

test('a call is tried by keyboard alone', inBrowser({}, async (visit) => {
  const page = await visit.open('docs', { user: newUser() });
  const reach = async (target) => {
    for (let steps = 0; steps < 200; steps += 1) {
      if (await target.evaluate((element) => element === document.activeElement)) return;
      await page.keyboard.press('Tab');
    }
    assert.fail(`Tab does not reach ${target}`);
  };
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the content');
  await reach(page.getByRole('navigation', { name: 'Operations' }).getByRole('link', { name: 'post Create API Key', exact: true }));
  await page.keyboard.press('Enter');
  const operation = page.locator('.opblock.is-open');
  await operation.locator('.btn.execute').waitFor();
  await reach(operation.locator('textarea.body-param__text'));
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.insertText(JSON.stringify({ name: 'By keyboard', type: 'test', status: 'paused' }));
  await reach(operation.locator('.btn.execute'));
  await page.keyboard.press('Enter');
  const { status, body } = await response(operation);
  assert.deepEqual([status, body.name, body.type, body.status], [201, 'By keyboard', 'test', 'paused']);
}));

test('every operation can be opened, and every parameter and body is named', inBrowser({ height: 2000 }, async (visit) => {
  const page = await visit.open('docs', { user: newUser() });
  const links = page.getByRole('navigation', { name: 'Operations' }).getByRole('link');
  const count = await links.count();
  assert.ok(count >= 17, `${count} operations`);
  for (let index = 0; index < count; index += 1) {
    await links.nth(index).click();
    const id = new URL(page.url()).hash.split('/').at(-1);
    await page.locator(`.opblock.is-open[id$="-${id}"] .btn.execute`).waitFor();
  }
  assert.equal(await page.locator('.opblock.is-open').count(), count);
  assert.equal(await page.locator('.parameter__name', { hasText: /^\s*$/ }).count(), 0);
  await visit.assertAccessible(['light']);
  await visit.assertFits();
}));

test('a link to an operation opens it, also after a reload', inBrowser({}, async (visit) => {
  const page = await visit.open('docs#/Default%20key/setDefault');
  for (const _ of ['opened', 'reloaded']) {
    await page.locator('.opblock.is-open[id$="-setDefault"]').waitFor();
    await page.reload();
  }
}));

test('the reference has the token of the console that opened it', inBrowser({}, async (visit) => {
  const user = newUser();
  const page = await visit.open('console', { user });
  const [reference] = await Promise.all([
    visit.context.waitForEvent('page'),
    page.getByRole('link', { name: 'API reference' }).first().click(),
  ]);
  await reference.getByText(new RegExp(`^Calls are made as user ${user}`)).waitFor();
  assert.equal(reference.url(), url('docs'));
  assert.equal((await execute(await open(reference, 'Create API Key'))).status, 201);
}));

test('`make local` prints a link that leads to the console, as a user', inBrowser({}, async (visit) => {
  await visit.page.goto(printed('console'));
  await visit.page.waitForURL(/\/console(#\/.*)?$/);
}));

test('an expired token is said to be', inBrowser({}, async (visit) => {
  const page = await visit.open('docs', { user: newUser(), seconds: -120 });
  assert.match(await page.getByRole('status').textContent(), /^The token has expired/);
}));

test('a page works under a domain, without a stage in its path', async (t) => {
  const stage = new URL(url('')).pathname.replace(/\/$/, '');
  const proxy = createServer((incoming, outgoing) => {
    const { host, ...headers } = incoming.headers;
    const target = new URL(url(''));
    const forwarded = request({ host: target.hostname, port: target.port, path: stage + incoming.url, method: incoming.method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(forwarded);
  });
  await new Promise((listening) => proxy.listen(0, '127.0.0.1', listening));
  t.after(() => proxy.close());
  const domain = `http://127.0.0.1:${proxy.address().port}`;
  await inBrowser({ origins: [domain] }, async (visit) => {
    const user = newUser();
    await visit.page.goto(`${domain}/docs/#token=${sign(user)}`);
    assert.match(await visit.page.getByRole('status').textContent(), new RegExp(`as user ${user}`));
    assert.equal(visit.page.url(), `${domain}/docs`);
    const created = await execute(await open(visit.page, 'Create API Key'));
    assert.equal(created.status, 201);
  })();
});

test('`make local` prints a link that leads to the reference, as a user', inBrowser({}, async (visit) => {
  await visit.page.goto(printed('docs'));
  assert.match(await visit.page.getByRole('status').textContent(), /^Calls are made as user 123, for another 1[12] h\.$/);
}));
