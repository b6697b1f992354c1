import { ArrowDown, ArrowUp, Search } from 'lucide';

import type { ApiKey, KeyStatus, KeyType } from '../../api/client.ts';
import { Button } from '../../parts/button.tsx';
import { Icon } from '../../parts/icon.tsx';
import { count, STATUSES, TYPES } from '../../words.ts';
import { type Column, COLUMNS, type Selection } from './selection.ts';

interface Properties {
  keys: readonly ApiKey[];
  selection: Selection;
  onChange: (changes: Partial<Selection>) => void;
}

export function Toolbar({ keys, selection, onChange }: Properties) {
  const types = (Object.keys(TYPES) as KeyType[]).filter((type) => keys.some((key) => key.type === type) || selection.type === type);
  const statuses: (KeyStatus | null)[] = [null, ...(Object.keys(STATUSES) as KeyStatus[])];
  const numberOf = (status: KeyStatus | null) => (status ? keys.filter((key) => key.status === status).length : keys.length);
  return (
    <search class="toolbar">
      <div class="search">
        <Icon of={Search} />
        <input
          type="search"
          aria-label="Search by name, id or string"
          placeholder="Search"
          value={selection.text}
          onInput={(event) => onChange({ text: event.currentTarget.value })}
          autocomplete="off"
          spellcheck={false}
        />
      </div>
      <div class="segments" role="group" aria-label="Status">
        {statuses.map((status) => (
          <button
            key={status}
            type="button"
            aria-pressed={selection.status === status}
            onClick={() => onChange({ status })}
          >
            {status ? STATUSES[status] : 'All'} <small>{count(numberOf(status))}</small>
          </button>
        ))}
      </div>
      <select
        aria-label="Type"
        value={selection.type ?? ''}
        onChange={(event) => onChange({ type: (event.currentTarget.value || null) as KeyType | null })}
      >
        <option value="">All types</option>
        {types.map((type) => (
          <option key={type} value={type}>
            {TYPES[type].name}
          </option>
        ))}
      </select>
      <div class="card-sort">
        <select
          aria-label="Sort by"
          value={selection.column}
          onChange={(event) => onChange({ column: event.currentTarget.value as Column })}
        >
          {Object.entries(COLUMNS).map(([column, name]) => (
            <option key={column} value={column}>
              {name}
            </option>
          ))}
        </select>
        <Button
          icon={selection.isDescending ? ArrowDown : ArrowUp}
          label={selection.isDescending ? 'Sort in ascending order' : 'Sort in descending order'}
          onClick={() => onChange({ isDescending: !selection.isDescending })}
        />
      </div>
    </search>
  );
}
