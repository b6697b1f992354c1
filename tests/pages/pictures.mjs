// Takes the pictures of README, with keys of a made-up past: `make pictures`. They look best where Inter is installed (on Debian,
// fonts-inter).

import { chromium } from 'playwright-core';

import { call, LAUNCH, rewrite, sign, url } from './rig.mjs';

const IMAGES = new URL('../../docs/images/', import.meta.url).pathname;
const DAY = 86_400_000;
const user = 4711;
const token = sign(user);
const seconds = (ms) => Math.floor(ms / 1000);
const ago = (ms) => seconds(Date.now() - ms);

/** Uses of the last days, fewer at weekends. */
function uses(days, most) {
  const count = (index) => {
    const isWeekend = [0, 6].includes(new Date(Date.now() - index * DAY).getUTCDay());
    return Math.round(most * (0.5 + 0.5 * Math.abs(Math.sin(index * 1.7 + 1))) * (isWeekend ? 0.25 : 1));
  };
  return Object.fromEntries(Array.from({ length: days }, (_, index) => [Math.floor(Date.now() / DAY - index).toString(36), count(index)]));
}

async function create(name, { past = {}, ...fields } = {}) {
  const key = await call(token, 'POST', 'api/apiKeys', { name, type: 'live', status: 'active', ...fields });
  return { ...key, settle: () => rewrite(key, past) };
}

const year = { created_at: ago(200 * DAY) };
const desk = await create('Ward 3 dictation', { past: { ...year, uses: 48_213, used_at: ago(3 * 60_000), days: uses(31, 420) } });
const others = [
  await create('Night shift', { expiry_at: new Date(Date.now() + 12 * DAY).toISOString(), past: { ...year, uses: 734, used_at: ago(0.3 * DAY), days: uses(9, 60) } }),
  await create('Radiology reporting', { type: 'ai-medical-note', past: { ...year, uses: 1_934, used_at: ago(40 * 60_000), days: uses(25, 90) } }),
  await create('Integration tests', { type: 'test', expiry_at: null, past: { uses: 27, used_at: ago(2 * DAY), days: uses(3, 9) } }),
  await create('Old kiosk', { status: 'paused' , past: { ...year, uses: 88, used_at: ago(40 * DAY) } }),
  await create('Outpatient letters', { type: 't2yd', past: { ...year, uses: 301, used_at: ago(120 * DAY) } }),
  await create('Emergency department', { past: { uses: 5_120, used_at: ago(60_000), days: uses(31, 200) } }),
];
await call(token, 'PATCH', 'api/apiKeys/setDefault', { id: desk.id });
await call(token, 'PUT', `api/apiKeys/${desk.id}`, { name: 'Ward 4 dictation' });
await call(token, 'POST', `api/apiKeys/${desk.id}/rotate`, { grace_period_seconds: 86_400 });
for (const { settle } of [desk, ...others]) settle();

const browser = await chromium.launch(LAUNCH);
const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: 'light', reducedMotion: 'reduce' });
await page.goto(`${url('console')}#token=${token}`);
await page.getByRole('table').waitFor();
await page.screenshot({ path: `${IMAGES}console-keys.png` });
await page.emulateMedia({ colorScheme: 'dark' });
await page.getByRole('link', { name: 'Ward 4 dictation' }).click();
await page.getByText('in the last 31 days').waitFor();
await page.getByText('Rotated by you').waitFor();
await page.screenshot({ path: `${IMAGES}console-key.png` });
await browser.close();
