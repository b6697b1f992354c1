// The user's keys and what is known of each.

import { effect } from '@preact/signals';

import * as api from '../api/client.ts';
import type { ApiKey, AuditEntry, Usage } from '../api/client.ts';
import { now } from '../clock.ts';
import { route } from '../route.ts';
import { isWhole, mask } from '../words.ts';
import { Resource, refreshShown } from './resource.ts';

/** All keys, oldest first. */
export const keys = new Resource<ApiKey[]>(api.listKeys);

export interface Trail {
  /** Newest first. */
  entries: AuditEntry[];
  /** Where older ones begin. */
  next: string | null;
}

/** What the page of a key shows. */
export interface Details {
  key: Resource<ApiKey>;
  usage: Resource<Usage>;
  trail: Resource<Trail>;
}

const details = new Map<number, Details>();

export function detailsOf(id: number): Details {
  const known = details.get(id);
  if (known) return known;
  const made = {
    key: new Resource(() => api.getKey(id)),
    usage: new Resource(() => api.getUsage(id)),
    trail: new Resource(() => api.listAudit(id, null)),
  };
  const listed = keys.data.value?.find((key) => key.id === id);
  if (listed && keys.isFresh && isWhole(listed.key)) made.key.set(listed);
  details.set(id, made);
  return made;
}

/** A key as the view beneath a dialog shows it, which follows other windows; null if it is gone. */
export function shown(opened: ApiKey): ApiKey | null {
  if (route.value.view === 'key') {
    const { data, failure } = detailsOf(opened.id).key;
    return failure.value?.kind === 'missing' ? null : (data.value ?? opened);
  }
  const listed = keys.data.value;
  return listed ? (listed.find(({ id }) => id === opened.id) ?? null) : opened;
}

/** Another user's keys, for administrators. */
const otherUsers = new Map<number, Resource<ApiKey[]>>();

export function keysOf(userId: number): Resource<ApiKey[]> {
  const found = otherUsers.get(userId) ?? new Resource(() => api.listUserKeys(userId));
  otherUsers.set(userId, found);
  return found;
}

/** Loads the next page of a trail. */
export async function loadOlder({ key, trail }: Details): Promise<void> {
  const cursor = trail.data.value?.next;
  if (!cursor || !key.data.value) return;
  const { entries, next } = await api.listAudit(key.data.value.id, cursor);
  trail.change((trail) => (trail.next === cursor ? { entries: [...trail.entries, ...entries], next } : trail));
}

/** Forgets everything: another user has signed in, or nobody is. */
export function forget(): void {
  keys.clear();
  details.clear();
  otherUsers.clear();
}

/** Takes in a key as a change in this window left it. */
export function take(changed: ApiKey): void {
  // There is one default at most.
  const displaced = (key: ApiKey) => changed.is_default && key.is_default && key.id !== changed.id;
  keys.change((keys) => {
    const others = keys.map((key) => (displaced(key) ? { ...key, is_default: false } : key));
    const at = others.findIndex(({ id }) => id === changed.id);
    return at < 0 ? [...others, changed] : others.with(at, changed);
  });
  for (const { key, trail } of details.values()) {
    if (!key.data.value || !displaced(key.data.value)) continue;
    key.change((key) => ({ ...key, is_default: false }));
    trail.invalidate();
  }
  const own = details.get(changed.id);
  own?.key.set(changed);
  own?.trail.invalidate();
  refreshShown((resource) => resource.isOutdated);
}

/** Takes in a key with a string that was just issued. Whether it is shown whole ever again is for the API to say. */
export function takeIssued(changed: ApiKey): void {
  take({ ...changed, key: mask(changed.key) });
  details.get(changed.id)?.key.invalidate();
  refreshShown((resource) => resource.isOutdated);
}

/** Takes in that a key is no more. */
export function drop(id: number): void {
  keys.change((keys) => keys.filter((key) => key.id !== id));
  details.delete(id);
}

/** Takes in that a key has changed in a way that is not known here, as in another window. */
export function invalidate(id: number): void {
  keys.invalidate();
  const { key, usage, trail } = details.get(id) ?? {};
  for (const resource of [key, usage, trail]) resource?.invalidate();
  refreshShown((resource) => resource.isOutdated);
}

// Keys expire while they are shown, without a call.
effect(() => {
  const time = now.value;
  const isOver = ({ status, expiry_at }: ApiKey) => status !== 'expired' && expiry_at !== null && Date.parse(expiry_at) <= time;
  const expired = (key: ApiKey): ApiKey => (isOver(key) ? { ...key, status: 'expired' } : key);
  for (const list of [keys, ...otherUsers.values()]) {
    if (list.data.value?.some(isOver)) list.change((keys) => keys.map(expired));
  }
  for (const { key } of details.values()) {
    if (key.data.value && isOver(key.data.value)) key.change(expired);
  }
});
