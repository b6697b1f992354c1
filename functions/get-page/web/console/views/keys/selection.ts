// Which keys a list shows, and in which order. It is in the address, so that a reload and a link keep it.

import type { ApiKey, KeyStatus, KeyType } from '../../api/client.ts';
import { type Attention, attentionOf, isString, mask, STATUSES, TYPES } from '../../words.ts';

export const COLUMNS = {
  created: 'Newest',
  name: 'Name',
  type: 'Type',
  status: 'Status',
  expires: 'Expires',
  used: 'Last used',
  uses: 'Uses',
} as const;

export type Column = keyof typeof COLUMNS;

export interface Selection {
  text: string;
  status: KeyStatus | null;
  type: KeyType | null;
  attention: Attention | null;
  column: Column;
  isDescending: boolean;
}

/** In which direction a column is sorted first. */
const DESCENDING_FIRST: readonly Column[] = ['created', 'used', 'uses'];

const oneOf = <T extends string>(value: string | null, values: readonly T[]): T | null =>
  values.find((known) => known === value) ?? null;

export function read(query: URLSearchParams): Selection {
  const [, minus, name] = /^(-?)(.*)$/.exec(query.get('sort') ?? '-created') ?? [];
  const column = oneOf(name ?? null, Object.keys(COLUMNS) as Column[]);
  return {
    text: query.get('q') ?? '',
    status: oneOf(query.get('status'), Object.keys(STATUSES) as KeyStatus[]),
    type: oneOf(query.get('type'), Object.keys(TYPES) as KeyType[]),
    attention: oneOf(query.get('attention'), ['expiring', 'eternal', 'unused']),
    column: column ?? 'created',
    isDescending: column === null || minus === '-',
  };
}

/** The address of a selection within a view. */
export function write(view: string, { text, status, type, attention, column, isDescending }: Selection): string {
  const sort = `${isDescending ? '-' : ''}${column}`;
  const given = { q: text, status, type, attention, sort: sort === '-created' ? null : sort };
  const query = new URLSearchParams(Object.entries(given).flatMap(([name, value]) => (value ? [[name, value]] : [])));
  return query.size > 0 ? `${view}?${query}` : view;
}

/** Sorts by a column, the other way round if it is sorted by already. */
export function sortedBy(selection: Selection, column: Column): Selection {
  const isDescending =
    column === selection.column ? !selection.isDescending : DESCENDING_FIRST.includes(column);
  return { ...selection, column, isDescending };
}

export function isFiltered({ text, status, type, attention }: Selection): boolean {
  return Boolean(text || status || type || attention);
}

/** `now` in ms since 1970: some of what is selected passes with time. */
export function select(keys: readonly ApiKey[], selection: Selection, now: number): ApiKey[] {
  const { status, type, attention, column, isDescending } = selection;
  // A string that is pasted whole is found by its mask, which is all that is known of some.
  const words = selection.text.split(/\s+/).filter(Boolean).map((word) => (isString(word) ? mask(word) : word).toLowerCase());
  const matches = (key: ApiKey) => {
    const text = `${key.name} ${key.id} ${key.key} ${mask(key.key)}`.toLowerCase();
    return (
      (!status || key.status === status) &&
      (!type || key.type === type) &&
      (!attention || attentionOf(key, now).includes(attention)) &&
      words.every((word) => text.includes(word))
    );
  };
  const direction = isDescending ? -1 : 1;
  return keys.filter(matches).sort((a, b) => direction * compare(column, a, b) || b.id - a.id);
}

function compare(column: Column, a: ApiKey, b: ApiKey): number {
  switch (column) {
    case 'created':
      return a.id - b.id;
    case 'name':
      return a.name.localeCompare(b.name, undefined, { numeric: true, sensitivity: 'base' });
    case 'type':
      return TYPES[a.type].name.localeCompare(TYPES[b.type].name);
    case 'status':
      return a.status.localeCompare(b.status);
    case 'expires':
      return time(a.expiry_at, Infinity) - time(b.expiry_at, Infinity) || 0;
    case 'used':
      return time(a.last_used_at, 0) - time(b.last_used_at, 0);
    case 'uses':
      return a.usage_count - b.usage_count;
  }
}

const time = (text: string | null, none: number) => (text === null ? none : Date.parse(text));
