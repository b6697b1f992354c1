// What a person prefers in this browser: kept, since it says nothing about anybody.

import { effect, signal } from '@preact/signals';

export type Theme = 'system' | 'light' | 'dark';

export const theme = signal<Theme>(read('theme', ['system', 'light', 'dark']));

/** Whether single keys are shortcuts (WCAG 2.2, 2.1.4: there must be a way to turn them off). */
export const shortcuts = signal<'on' | 'off'>(read('shortcuts', ['on', 'off']));

function read<T extends string>(name: string, values: readonly [T, ...T[]]): T {
  const kept = localStorage.getItem(name);
  return values.find((value) => value === kept) ?? values[0];
}

effect(() => {
  localStorage.setItem('theme', theme.value);
  document.documentElement.dataset['theme'] = theme.value;
});

effect(() => localStorage.setItem('shortcuts', shortcuts.value));
