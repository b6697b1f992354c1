// What can be done to a key, as it is.

import { Pause, Pencil, Play, RefreshCw, Star, StarOff, Trash2 } from 'lucide';

import type { ApiKey } from '../../api/client.ts';
import type { MenuItem } from '../../parts/menu.tsx';
import { pauseKey, removeDefault, resumeKey, setDefault } from '../../state/actions.ts';
import { open } from '../../state/dialogs.ts';

export function keyMenu(key: ApiKey): MenuItem[] {
  const pauseOrResume: Record<ApiKey['status'], MenuItem[]> = {
    active: [{ label: 'Pause', icon: Pause, run: () => void pauseKey(key) }],
    paused: [{ label: 'Resume', icon: Play, run: () => void resumeKey(key) }],
    expired: [],
  };
  const isExpired = key.status === 'expired';
  return [
    { label: isExpired ? 'Rename' : 'Edit', icon: Pencil, run: () => open({ kind: 'edit', key }) },
    ...pauseOrResume[key.status],
    ...(isExpired ? [] : [{ label: 'Rotate', icon: RefreshCw, run: () => open({ kind: 'rotate', key }) }]),
    ...defaultItem(key, isExpired),
    { label: 'Delete', icon: Trash2, run: () => open({ kind: 'delete', key }), isDangerous: true },
  ];
}

function defaultItem(key: ApiKey, isExpired: boolean): MenuItem[] {
  if (key.is_default) return [{ label: 'Remove as default', icon: StarOff, run: () => void removeDefault(key) }];
  return isExpired ? [] : [{ label: 'Make default', icon: Star, run: () => void setDefault(key) }];
}
