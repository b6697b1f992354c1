// Which dialog is open. One at a time, but for the question for a new token, which comes on top.

import { signal } from '@preact/signals';

import type { ApiKey } from '../api/client.ts';

export type OpenDialog =
  | { kind: 'create' }
  | { kind: 'issued'; key: ApiKey; isNew: boolean }
  | { kind: 'edit'; key: ApiKey }
  | { kind: 'rotate'; key: ApiKey }
  | { kind: 'delete'; key: ApiKey }
  | { kind: 'shortcuts' };

export const dialog = signal<OpenDialog | null>(null);

export function open(next: OpenDialog): void {
  dialog.value = next;
}

export function close(): void {
  dialog.value = null;
}

/** What was typed into a dialog that was closed without being done, by what it is about. It is there when it is opened again. */
const drafts = new Map<string, unknown>();

export const draftOf = <T>(name: string): T | undefined => drafts.get(name) as T | undefined;
export const keepDraft = (name: string, draft: unknown): unknown => drafts.set(name, draft);
export const dropDraft = (name: string): boolean => drafts.delete(name);
export const dropDrafts = (): void => drafts.clear();
