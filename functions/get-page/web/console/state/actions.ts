// The changes of keys: by the API, then in what is shown here, then in other windows.

import { signal } from '@preact/signals';

import * as api from '../api/client.ts';
import type { ApiKey, KeyChanges, NewKey } from '../api/client.ts';
import { advice, Failure } from '../api/failure.ts';
import { serverTime } from '../clock.ts';
import { countdown } from '../words.ts';
import { drop, invalidate, keys, take, takeIssued } from './keys.ts';
import { toast } from './toasts.ts';
import { tellChanged } from './windows.ts';

/** The keys with a change under way that has no dialog of its own. */
export const pending = signal<ReadonlySet<number>>(new Set());

export const createKey = (body: NewKey, attempt: string): Promise<ApiKey> => commit(null, api.createKey(body, attempt), takeIssued);

export const updateKey = ({ id }: ApiKey, changes: KeyChanges): Promise<ApiKey> => commit(id, api.updateKey(id, changes));

export const rotateKey = ({ id }: ApiKey, grace: number, attempt: string): Promise<ApiKey> =>
  commit(id, api.rotateKey(id, grace, attempt), takeIssued);

/** A key that is gone already is deleted, too. */
export async function deleteKey({ id, name }: ApiKey): Promise<void> {
  await api.deleteKey(id).catch((failure: Failure) => {
    if (failure.kind !== 'missing') throw failure;
  });
  drop(id);
  tellChanged(id);
  toast(`“${name}” is deleted.`);
}

export const pauseKey = (key: ApiKey): Promise<void> =>
  act(key, api.pauseKey, {
    text: `“${key.name}” is paused. Calls with it are refused.`,
    undo: () => resumeKey(key),
  });

export const resumeKey = (key: ApiKey): Promise<void> =>
  act(key, api.resumeKey, { text: `“${key.name}” is active again.`, undo: null });

export function setDefault(key: ApiKey): Promise<void> {
  const previous = keys.data.value?.find(({ is_default }) => is_default);
  return act(key, api.setDefault, {
    text: `“${key.name}” is the default key now.`,
    undo: previous ? () => setDefault(previous) : () => removeDefault(key),
  });
}

export const removeDefault = (key: ApiKey): Promise<void> =>
  act(key, api.removeDefault, { text: 'There is no default key now.', undo: () => setDefault(key) });

interface Note {
  text: string;
  undo: (() => Promise<void>) | null;
}

/** Makes a change that has no dialog, and says in a note what came of it. */
async function act({ id, name }: ApiKey, change: (id: number) => Promise<ApiKey>, { text, undo }: Note): Promise<void> {
  pending.value = new Set([...pending.value, id]);
  try {
    await commit(id, change(id));
    toast(text, { action: undo && { label: 'Undo', run: () => void undo() } });
  } catch (error) {
    const failure = error as Failure;
    const { title, text } = advice(failure);
    const wait = failure.retryAt ? ` Try again in ${countdown(failure.retryAt - serverTime())}.` : '';
    toast(`“${name}”: ${title}. ${text}${wait}`, { tone: 'danger' });
  } finally {
    pending.value = new Set([...pending.value].filter((other) => other !== id));
  }
}

/** Takes in the key that a change leads to, or what its failure says of the key. */
async function commit(id: number | null, change: Promise<ApiKey>, takeIn = take): Promise<ApiKey> {
  try {
    const key = await change;
    takeIn(key);
    tellChanged(key.id);
    return key;
  } catch (error) {
    const { kind, message } = error as Failure;
    if (id && kind === 'missing') drop(id);
    if (id && kind === 'conflict' && message === 'API Key is expired') invalidate(id);
    throw error;
  }
}
