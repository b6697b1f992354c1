import { CalendarClock, Infinity as InfinityIcon, MoonStar } from 'lucide';

import type { ApiKey } from '../../api/client.ts';
import { Icon } from '../../parts/icon.tsx';
import { type Attention, attentionOf, plural } from '../../words.ts';

const NOTES: Record<Attention, { icon: typeof MoonStar; text: (keys: number) => string }> = {
  expiring: {
    icon: CalendarClock,
    text: (keys) => `${plural(keys, 'key')} ${keys === 1 ? 'expires' : 'expire'} within 30 days`,
  },
  unused: { icon: MoonStar, text: (keys) => `${plural(keys, 'key')} unused for 90 days` },
  eternal: { icon: InfinityIcon, text: (keys) => `${plural(keys, 'key')} never ${keys === 1 ? 'expires' : 'expire'}` },
};

interface Properties {
  keys: readonly ApiKey[];
  now: number;
  chosen: Attention | null;
  onChoose: (attention: Attention | null) => void;
}

/** What the owner ought to look at; choosing one shows those keys alone. */
export function AttentionNotes({ keys, now, chosen, onChoose }: Properties) {
  const found = keys.flatMap((key) => attentionOf(key, now));
  const present = (Object.keys(NOTES) as Attention[]).filter((attention) => found.includes(attention) || attention === chosen);
  if (present.length === 0) return null;
  return (
    <div class="attention" role="group" aria-label="Keys to look at">
      {present.map((attention) => (
        <button
          key={attention}
          type="button"
          class={`attention-note ${attention}`}
          aria-pressed={attention === chosen}
          onClick={() => onChoose(attention === chosen ? null : attention)}
        >
          <Icon of={NOTES[attention].icon} />
          <span>{NOTES[attention].text(found.filter((other) => other === attention).length)}</span>
          <span class="attention-action">{attention === chosen ? 'Show all' : 'Show'}</span>
        </button>
      ))}
    </div>
  );
}
