// Time by the server's clock: whether a key has expired is not for this machine's clock to say.

import { signal } from '@preact/signals';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** `Date` headers are in whole seconds, and a response takes a while: less is no difference. */
const TOLERANCE = 2_000;

let ahead = 0;

/** The time, for whatever is shown: it moves on every few seconds. */
export const now = signal(Date.now());

export function serverTime(): number {
  return Date.now() + ahead;
}

/** Sets the clock by the `Date` of a response. */
export function noteDate(headers: Headers): void {
  const date = Date.parse(headers.get('date') ?? '');
  if (Number.isNaN(date)) return;
  const difference = date - Date.now();
  if (Math.abs(difference - ahead) <= TOLERANCE) return;
  ahead = difference;
  now.value = serverTime();
}

setInterval(() => {
  if (!document.hidden) now.value = serverTime();
}, 5_000);
