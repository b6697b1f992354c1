// Single keys that do what a button does, wherever nothing is typed.

import { toKeys, go, route } from './route.ts';
import { shortcuts } from './preferences.ts';
import { dialog, open } from './state/dialogs.ts';
import { refreshShown } from './state/resource.ts';
import { session } from './state/session.ts';

interface Shortcut {
  key: string;
  does: string;
  run: () => void;
}

export const SHORTCUTS: readonly Shortcut[] = [
  { key: '/', does: 'Search your keys', run: search },
  { key: 'c', does: 'Create a key', run: () => open({ kind: 'create' }) },
  { key: 'g', does: 'Go to your keys', run: () => go(toKeys) },
  { key: 'r', does: 'Load this page again', run: () => refreshShown(() => true) },
  { key: '?', does: 'Show these shortcuts', run: () => open({ kind: 'shortcuts' }) },
];

const focusSearch = () => document.querySelector<HTMLInputElement>('input[type=search]')?.focus();

function search() {
  if (route.value.view === 'keys') return focusSearch();
  go(toKeys);
  requestAnimationFrame(focusSearch);
}

addEventListener('keydown', (event) => {
  const target = event.target as HTMLElement;
  const isTyping = target.matches('input, textarea, select, [contenteditable]') || target.closest('dialog, [role=menu]');
  if (shortcuts.value === 'off' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!session.value || dialog.value || document.querySelector('dialog[open]')) return;
  const found = SHORTCUTS.find(({ key }) => key === event.key);
  if (!found) return;
  event.preventDefault();
  found.run();
});
