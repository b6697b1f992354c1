// The two minutes of somebody who has never seen the API: from the link that `make local` prints, with what the console says.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { inBrowser, printed } from './rig.mjs';

const SAMPLES = new URL('../../local/samples/', import.meta.url);

/** The name is new in each run: the user is that of the link. */
const NAME = `Dictation ${Date.now()}`;

/** Copies the command of the dialog, runs it in a shell where there is a `recording.wav`, and gives what it prints. */
async function tryCommand(page) {
  await page.getByRole('button', { name: 'Copy the command' }).click();
  const command = await page.evaluate(() => navigator.clipboard.readText());
  const { stdout } = await promisify(execFile)('bash', ['-c', command], { cwd: SAMPLES });
  return { command, answer: JSON.parse(stdout) };
}

test('a newcomer makes, uses, rotates and deletes a key', inBrowser({}, async (visit) => {
  await visit.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const { page } = visit;
  const start = Date.now();
  await page.goto(printed('console'));
  await page.getByRole('button', { name: 'Create key', exact: true }).click();
  // The field that has the focus, and the button that Enter presses.
  await page.keyboard.type(NAME);
  await page.keyboard.press('Enter');
  const first = await tryCommand(page);
  assert.deepEqual(first.answer, { text: 'the patient has a fever and a bad cough' });
  await page.getByRole('button', { name: 'Copy', exact: true }).click();
  await page.getByRole('button', { name: 'Done' }).click();

  await page.getByRole('link', { name: NAME }).click();
  await page.getByText('1 use in the last 31 days').waitFor();
  await page.getByRole('button', { name: 'Rotate', exact: true }).click();
  await page.getByText('At once').locator('xpath=ancestor::label').click();
  await page.getByRole('button', { name: 'Rotate key' }).click();
  await page.getByRole('dialog', { name: 'Your new string' }).waitFor();
  const second = await tryCommand(page);
  assert.deepEqual(second.answer, first.answer);
  assert.notEqual(second.command, first.command);
  await page.getByRole('button', { name: 'Copy', exact: true }).click();
  await page.getByRole('button', { name: 'Done' }).click();

  await page.getByRole('button', { name: 'More actions' }).click();
  await page.getByRole('menuitem', { name: 'Delete' }).click();
  await page.keyboard.type(NAME);
  await page.keyboard.press('Enter');
  await page.getByText(`“${NAME}” is deleted.`).waitFor();
  for (const { command } of [first, second]) {
    const { stdout } = await promisify(execFile)('bash', ['-c', command], { cwd: SAMPLES });
    assert.deepEqual(JSON.parse(stdout), { error: 'Invalid API key' });
  }
  const seconds = (Date.now() - start) / 1000;
  console.log(`a newcomer: ${seconds.toFixed(1)} s without reading or thinking`);
  assert.ok(seconds < 120, `${seconds} s`);
}));
