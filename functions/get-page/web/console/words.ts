// How values are written for people.

import type { ApiKey, AuditEntry, KeyStatus, KeyType } from './api/client.ts';
import { DAY, HOUR, MINUTE } from './clock.ts';

const LANGUAGE = 'en-GB';
const number = new Intl.NumberFormat(LANGUAGE);
const compact = new Intl.NumberFormat(LANGUAGE, { notation: 'compact', maximumFractionDigits: 1 });
const day = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: 'medium' });
const dayAndTime = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: 'medium', timeStyle: 'short' });
const utcDay = new Intl.DateTimeFormat(LANGUAGE, { day: 'numeric', month: 'short', timeZone: 'UTC' });
const relative = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: 'auto' });

export const TYPES: Record<KeyType, { name: string; use: string }> = {
  live: { name: 'Live', use: 'For real recordings' },
  test: { name: 'Test', use: 'For development, with a limit of uses per day' },
  'ai-medical-note': { name: 'AI medical note', use: 'For calls from AI Medical Note' },
  t2yd: { name: 'T2YD', use: 'For calls from T2YD' },
};

export const STATUSES: Record<KeyStatus, string> = { active: 'Active', paused: 'Paused', expired: 'Expired' };

export const count = (value: number): string => number.format(value);
export const shortCount = (value: number): string => (value < 10_000 ? number.format(value) : compact.format(value));
export const plural = (value: number, one: string, many = `${one}s`): string => `${count(value)} ${value === 1 ? one : many}`;

export const date = (time: string): string => day.format(new Date(time));
export const dateAndTime = (time: string): string => dayAndTime.format(new Date(time));

/** A day of UTC, `2026-11-28`. */
export const dateOfDay = (date: string): string => utcDay.format(new Date(`${date}T00:00:00Z`));

/** A span of time in its largest unit, rounded: `in 3 months`, `2 hours ago`. */
export function fromNow(time: string, now: number): string {
  const span = Date.parse(time) - now;
  const size = Math.abs(span);
  const within = (unit: Intl.RelativeTimeFormatUnit, ms: number) => relative.format(Math.round(span / ms), unit);
  if (size < MINUTE) return span > 0 ? 'in less than a minute' : 'just now';
  if (size < HOUR) return within('minute', MINUTE);
  if (size < DAY) return within('hour', HOUR);
  if (size < 60 * DAY) return within('day', DAY);
  if (size < 2 * 365 * DAY) return within('month', 30.44 * DAY);
  return within('year', 365.25 * DAY);
}

/** A duration of whole minutes or hours. */
export function duration(ms: number): string {
  if (ms < MINUTE) return 'less than a minute';
  if (ms < 2 * HOUR) return plural(Math.floor(ms / MINUTE), 'minute');
  if (ms < 2 * DAY) return plural(Math.floor(ms / HOUR), 'hour');
  return plural(Math.floor(ms / DAY), 'day');
}

/** How long to wait, counted down in ms. */
export const countdown = (ms: number): string => (ms < 2 * MINUTE ? `${Math.ceil(ms / 1000)} s` : duration(ms));

/** The prefix, `…` and the last four characters, as the API masks a string. */
export const mask = (key: string): string =>
  isWhole(key) ? key.replace(/^(nux_(?:live|test)_(?=.{56}))?.*(.{4})$/, '$1…$2') : key;

export const isWhole = (key: string): boolean => !key.includes('…');

/** Whether a text has the form of a whole string, also of one from before this service. */
export const isString = (text: string): boolean =>
  /^(nux_(live|test)_([0-9A-Za-z]{56}|[0-9a-f]{16})|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i.test(text);

export const ACTIONS: Record<AuditEntry['action'], string> = {
  create: 'Created',
  update: 'Edited',
  delete: 'Deleted',
  pause: 'Paused',
  resume: 'Resumed',
  set_default: 'Made the default',
  remove_default: 'No longer the default',
  rotate: 'Rotated',
  expire: 'Expired',
  import: 'Imported',
};

/** The names of fields in a trail. */
export const FIELDS: Record<string, string> = {
  name: 'Name',
  type: 'Type',
  status: 'Status',
  expiry_at: 'Expires',
  is_default: 'Default',
  previous_key_until: 'Old string works until',
};

/** The value of a field in a trail. */
export function fieldValue(field: string, value: string | boolean | null): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  switch (field) {
    case 'expiry_at':
      return value === null ? 'never' : dateAndTime(value);
    case 'previous_key_until':
      return value === null ? '–' : dateAndTime(value);
    case 'type':
      return TYPES[value as KeyType]?.name ?? value ?? '–';
    case 'status':
      return STATUSES[value as KeyStatus] ?? value ?? '–';
    default:
      return value ?? '–';
  }
}

/** The actor of an entry, as the reader with the id `userId` knows it. */
export function actor({ actor }: AuditEntry, userId: number): string {
  if (actor.role === 'system') return 'the system';
  if (actor.user_id === userId) return 'you';
  return actor.role === 'user' ? `user ${actor.user_id}` : `${actor.role} ${actor.user_id}`;
}

export type Attention = 'expiring' | 'eternal' | 'unused';

/** The warnings about a key: it expires within 30 days, never, or was not used for 90. */
export function attentionOf(key: ApiKey, now: number): Attention[] {
  if (key.status === 'expired') return [];
  const found: Attention[] = [];
  if (key.expiry_at === null) found.push('eternal');
  else if (Date.parse(key.expiry_at) - now <= 30 * DAY) found.push('expiring');
  if (now - Date.parse(key.last_used_at ?? key.created_at) >= 90 * DAY) found.push('unused');
  return found;
}
