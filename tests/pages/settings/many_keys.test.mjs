// As many keys as a user may have.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';

import { call, inBrowser, newUser, sign } from '../rig.mjs';

const KEYS = 1000;
const user = newUser();
const token = sign(user);

before(async () => {
  const types = ['live', 'test', 'ai-medical-note', 't2yd'];
  let next = 1;
  const create = async () => {
    while (next <= KEYS) {
      const number = next;
      next += 1;
      await call(token, 'POST', 'api/apiKeys', { name: `Key ${number}`, type: types[number % types.length], status: 'active' });
    }
  };
  const start = Date.now();
  await Promise.all(Array.from({ length: 16 }, create));
  console.log(`1,000 keys: created in ${((Date.now() - start) / 1000).toFixed()} s`);
});

for (const width of [360, 1280]) {
  test(`a thousand keys come with one call, and scroll smoothly, at ${width} px`, inBrowser({ width }, async (visit) => {
    const page = await visit.open('console', { user });
    await page.getByText('1,000 keys, 1,000 active').waitFor();
    assert.equal(await page.getByRole('row').count(), KEYS + (width > 1000));
    assert.deepEqual(visit.requests.filter((request) => request.includes('/api/')), ['GET /api/apiKeys']);
    const scroll = () =>
      page.evaluate(async () => {
        const times = [];
        const next = () => new Promise(requestAnimationFrame);
        scrollTo(0, 0);
        for (let last = await next(); scrollY + innerHeight < document.documentElement.scrollHeight - 1 && times.length < 300; ) {
          scrollBy(0, 600);
          const time = await next();
          times.push(time - last);
          last = time;
        }
        times.sort((a, b) => a - b);
        return { frames: times.length, median: times[Math.floor(times.length / 2)], late: times[Math.floor(times.length * 0.95)] };
      });
    // The machine has other work, too: the best of three is that of the page.
    const tries = [await scroll(), await scroll(), await scroll()];
    const { frames, median, late } = tries.sort((a, b) => a.late - b.late)[0];
    console.log(`1,000 keys at ${width} px: ${frames} frames, median ${median.toFixed(1)} ms, 95 % within ${late.toFixed(1)} ms`);
    assert.ok(frames > 50, `${frames} frames`);
    assert.ok(median < 34 && late < 100, `${median} ms, ${late} ms`);
  }));
}

test('a search among a thousand keys follows each letter', inBrowser({}, async (visit) => {
  const page = await visit.open('console', { user });
  await page.getByText('1,000 keys, 1,000 active').waitFor();
  const ms = await page.getByRole('searchbox').evaluate(async (field) => {
    const start = performance.now();
    for (const text of ['k', 'ke', 'key', 'key 9', 'key 99', 'key 999']) {
      field.value = text;
      field.dispatchEvent(new Event('input', { bubbles: true }));
      await new Promise(requestAnimationFrame);
    }
    return (performance.now() - start) / 6;
  });
  console.log(`1,000 keys: ${ms.toFixed()} ms per letter of a search`);
  assert.deepEqual(await page.getByRole('rowheader').getByRole('link').allTextContents(), ['Key 999']);
  assert.ok(ms < 150, `${ms} ms`);
}));

test('one key too many is refused, and the form says why', inBrowser({ expected: [/^console: Failed to load resource.* 409/] }, async (visit) => {
  const page = await visit.open('console', { user });
  await page.getByText('1,000 keys, 1,000 active').waitFor();
  await page.keyboard.press('c');
  await page.getByRole('textbox', { name: 'Name' }).fill('One too many');
  await page.getByRole('button', { name: 'Create key' }).last().click();
  await page.getByText('You have reached the limit of keys. Delete one that is no longer used, then try again.').waitFor();
  assert.equal(await page.getByRole('textbox', { name: 'Name' }).inputValue(), 'One too many');
}));
