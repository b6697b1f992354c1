import { useState } from 'preact/hooks';

import { DAY, serverTime } from '../clock.ts';
import { date } from '../words.ts';
import { Choice, TextField } from './form.tsx';

/** How an expiry is chosen: one of these, or a day, `2027-03-01`. */
export type ExpiryChoice = 'keep' | '30' | '90' | '365' | 'never' | 'day';

export interface Expiry {
  choice: ExpiryChoice;
  day: string;
}

const LABELS: Record<ExpiryChoice, string> = {
  keep: 'As it is',
  '30': '30 days',
  '90': '90 days',
  '365': '1 year',
  never: 'Never',
  day: 'On a day …',
};

/** The `expiry_at` of a choice; undefined to leave it as it is. */
export function expiryAt({ choice, day }: Expiry): string | null | undefined {
  switch (choice) {
    case 'keep':
      return undefined;
    case 'never':
      return null;
    case 'day':
      // With the end of the day, where the person is.
      return seconds(new Date(`${day}T23:59:59`));
    default:
      return seconds(new Date(serverTime() + Number(choice) * DAY));
  }
}

const seconds = (time: Date) => (Number.isNaN(time.getTime()) ? '' : time.toISOString().replace(/\.\d+/, ''));

interface Properties {
  value: Expiry;
  onChange: (value: Expiry) => void;
  error: string | undefined;
  /** What it is now, for a key that is there already. */
  present?: string | null;
  isDisabled?: boolean;
}

export function ExpiryField({ value, onChange, error, present, isDisabled = false }: Properties) {
  const [tomorrow] = useState(() => localDay(serverTime() + DAY));
  const choices = (Object.keys(LABELS) as ExpiryChoice[]).filter((choice) => choice !== 'keep' || present !== undefined);
  const end = expiryAt(value);
  return (
    <Choice
      legend="Expires"
      kind="chips"
      options={choices.map((choice) => ({ value: choice, label: LABELS[choice] }))}
      value={value.choice}
      onChange={(choice) => onChange({ ...value, choice })}
      isDisabled={isDisabled}
    >
      {value.choice === 'day' && (
        <TextField
          label="Day"
          type="date"
          min={tomorrow}
          required
          value={value.day}
          onInput={(day) => onChange({ ...value, day })}
          error={error}
        />
      )}
      <p class="hint" aria-live="polite">
        {explain(value.choice === 'keep' ? present : end)}
      </p>
      {value.choice !== 'day' && error && <p class="error">{error}</p>}
    </Choice>
  );
}

function explain(end: string | null | undefined): string {
  if (end === null) return 'It works until you pause or delete it. A key with an end does less harm if it leaks.';
  if (!end) return 'Choose the last day on which it works.';
  return `It works until ${date(end)}. You can change this as long as it works.`;
}

const localDay = (time: number) => new Date(time - new Date(time).getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
