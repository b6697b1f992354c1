// Short notes on what was done. Nothing that matters is said here alone.

import { signal } from '@preact/signals';

export interface Toast {
  id: number;
  text: string;
  tone: 'success' | 'danger';
  action: { label: string; run: () => void } | null;
}

/** How long a note stays, in ms: longer when there is something to decide. */
const LIFETIME = 6_000;
const LIFETIME_WITH_ACTION = 12_000;

export const toasts = signal<readonly Toast[]>([]);

let last = 0;

export function toast(text: string, { tone = 'success', action = null }: Partial<Omit<Toast, 'id' | 'text'>> = {}): void {
  last += 1;
  toasts.value = [...toasts.value.slice(-2), { id: last, text, tone, action }];
}

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

export const lifetime = ({ action }: Toast): number => (action ? LIFETIME_WITH_ACTION : LIFETIME);
