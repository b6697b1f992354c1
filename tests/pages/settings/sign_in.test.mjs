// The way to the sign-in page that `SignInUrl` names, and back. The page is a server of this file, at that address.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { call, inBrowser, newUser, sign, url } from '../rig.mjs';

const NEW_KEY = { name: 'Ward 3 dictation', type: 'live', status: 'active' };
const SIGN_IN = new URL((await (await fetch(url('console/settings.json'))).json()).sign_in_url);
const ORIGINS = [new URL(url('')).origin, SIGN_IN.origin];

/** The token that the page sends people back with, as the next one to sign in gets it. */
let token;

const server = createServer((request, response) => {
  if (request.url !== SIGN_IN.pathname) return response.writeHead(404).end();
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
  response.end(`<!doctype html><html lang="en"><title>Sign in</title><link rel="icon" href="data:,"><h1>Sign in to Nuxera</h1>
    <a href="${url('console')}#token=${token}">Continue</a>`);
});
before(async () => {
  server.listen(Number(SIGN_IN.port), SIGN_IN.hostname);
  await once(server, 'listening');
});
after(() => server.close());

/** Signs in on the page that a window has come to. */
async function pass(window) {
  await window.waitForURL(String(SIGN_IN));
  await window.getByRole('link', { name: 'Continue' }).click();
  await window.waitForURL(({ href }) => href.startsWith(url('console')));
}

test('a window without a token goes to the sign-in page, and comes back to its place', inBrowser({ origins: ORIGINS }, async (visit) => {
  const user = newUser();
  token = sign(user);
  const key = await call(token, 'POST', 'api/apiKeys', NEW_KEY);
  const page = await visit.open(`console#/keys/${key.id}`);
  await pass(page);
  await page.getByRole('heading', { name: key.name }).waitFor();
  assert.equal(page.url(), url(`console#/keys/${key.id}`));
  assert.deepEqual(await page.evaluate(() => ({ ...sessionStorage })), {});
  // A reload loses the token, and leads to the same place.
  await page.reload();
  await pass(page);
  await page.getByRole('heading', { name: key.name }).waitFor();
  assert.equal(page.url(), url(`console#/keys/${key.id}`));
}));

test('a session that ends goes on with what was typed, after signing in in another window', inBrowser({ origins: ORIGINS }, async (visit) => {
  const user = newUser();
  const page = await visit.open('console', { user, seconds: 4 });
  await page.getByRole('button', { name: 'Create your first key' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill('Night ward');
  const dialog = page.getByRole('dialog', { name: 'Your session has ended' });
  await dialog.waitFor();
  await visit.assertAccessible();
  token = sign(user);
  const [second] = await Promise.all([visit.context.waitForEvent('page'), dialog.getByRole('link', { name: 'Sign in' }).click()]);
  await pass(second);
  await second.getByText('Your other window goes on where it was').waitFor();
  await dialog.waitFor({ state: 'detached' });
  assert.equal(await page.getByRole('textbox', { name: 'Name' }).inputValue(), 'Night ward');
  await page.getByRole('button', { name: 'Create key' }).last().click();
  await page.getByLabel('Key string').waitFor();
  assert.deepEqual((await call(token, 'GET', 'api/apiKeys')).map(({ name }) => name), ['Night ward']);
  // The window that signed in shows the same.
  await second.getByRole('row').getByText('Night ward').waitFor();
}));

test('nobody is sent to the sign-in page twice', inBrowser({ origins: ORIGINS }, async (visit) => {
  token = sign(newUser());
  const page = await visit.open('console');
  await page.waitForURL(String(SIGN_IN));
  await page.goBack();
  await page.getByText('The sign-in page sent no token. Sign in again.').waitFor();
  await visit.assertAccessible();
  await page.getByRole('link', { name: 'Sign in' }).click();
  await pass(page);
  await page.getByRole('heading', { name: 'You have no keys yet' }).waitFor();
  await page.getByRole('button', { name: /^Account/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.getByText('You are signed out.').waitFor();
  await visit.assertAccessible();
  await page.getByRole('link', { name: 'Sign in' }).click();
  await pass(page);
  await page.getByRole('heading', { name: 'You have no keys yet' }).waitFor();
}));

test('a token that has expired on its way back is said to have', inBrowser({ origins: ORIGINS }, async (visit) => {
  token = sign(newUser(), { seconds: -60 });
  const page = await visit.open('console');
  await pass(page);
  await page.getByText('This token has expired. Get a new one.').waitFor();
  assert.ok(!page.url().includes('token'));
  // Pasting one is still a way.
  await page.getByRole('textbox', { name: 'Or paste a token' }).fill(sign(newUser()));
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('heading', { name: 'You have no keys yet' }).waitFor();
}));

test('a string that is shown once is not shown again', inBrowser({}, async (visit) => {
  await visit.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const user = newUser();
  const page = await visit.open('console', { user });
  await page.getByRole('button', { name: 'Create your first key' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill('Night ward');
  await page.getByRole('button', { name: 'Create key' }).last().click();
  const shown = await page.getByLabel('Key string').textContent();
  // Neither a reload nor Escape drops the one copy without a question.
  const asked = new Promise((resolve) => page.once('dialog', (dialog) => resolve(dialog.dismiss().then(() => dialog.type()))));
  await page.evaluate(() => setTimeout(() => location.reload()));
  assert.equal(await asked, 'beforeunload');
  await page.keyboard.press('Escape');
  await page.getByText('Not copied yet.').waitFor();
  await page.getByRole('button', { name: 'Copy', exact: true }).click();
  await page.getByRole('button', { name: 'Done' }).click();
  await page.getByRole('link', { name: 'Night ward' }).click();
  await page.getByText('Shown whole when it was issued, and not again.').waitFor();
  assert.ok(!(await page.content()).includes(shown));
  assert.equal(await page.getByRole('button', { name: 'Show the string' }).count(), 0);
  await visit.assertAccessible();
}));
