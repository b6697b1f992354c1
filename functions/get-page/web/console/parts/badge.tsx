import { CircleCheck, CirclePause, CircleX, Star } from 'lucide';

import type { KeyStatus, KeyType } from '../api/client.ts';
import { STATUSES, TYPES } from '../words.ts';
import { Icon } from './icon.tsx';

const ICONS = { active: CircleCheck, paused: CirclePause, expired: CircleX };

export function StatusBadge({ status }: { status: KeyStatus }) {
  return (
    <span class={`badge ${status}`}>
      <Icon of={ICONS[status]} size={14} />
      {STATUSES[status]}
    </span>
  );
}

export function TypeBadge({ type }: { type: KeyType }) {
  return <span class={`badge type ${type === 'test' ? 'test' : ''}`}>{TYPES[type].name}</span>;
}

export function DefaultBadge() {
  return (
    <span class="badge default">
      <Icon of={Star} size={13} />
      Default
    </span>
  );
}
