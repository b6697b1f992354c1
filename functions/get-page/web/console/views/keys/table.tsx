import { ArrowDown, ArrowUp, ArrowUpDown, Ellipsis } from 'lucide';

import type { ApiKey } from '../../api/client.ts';
import { DefaultBadge, StatusBadge, TypeBadge } from '../../parts/badge.tsx';
import { Icon } from '../../parts/icon.tsx';
import { Menu } from '../../parts/menu.tsx';
import { Time } from '../../parts/time.tsx';
import { toKey } from '../../route.ts';
import { pending } from '../../state/actions.ts';
import { mask, plural, shortCount } from '../../words.ts';
import { keyMenu } from '../key/menu.ts';
import { type Column, COLUMNS, type Selection } from './selection.ts';

const HEADERS: Column[] = ['name', 'type', 'status', 'expires', 'used', 'uses'];

interface Properties {
  keys: readonly ApiKey[];
  selection: Selection;
  onSort: (column: Column) => void;
  /** Whether the keys are another user's, which can be looked at only. */
  isReadOnly?: boolean;
}

/** A table that becomes a list of cards where it has no room: hence the roles, which the look would take away. */
export function KeyTable({ keys, selection, onSort, isReadOnly = false }: Properties) {
  return (
    <table class={`keys ${isReadOnly ? 'read-only' : ''}`} role="table" aria-label="Keys">
      <thead role="rowgroup">
        <tr role="row">
          {HEADERS.map((column) => (
            <Header key={column} column={column} selection={selection} onSort={onSort} />
          ))}
          {!isReadOnly && (
            <th role="columnheader" scope="col">
              <span class="sr-only">Actions</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {keys.map((key) => (
          <Row key={key.id} shown={key} isReadOnly={isReadOnly} />
        ))}
      </tbody>
    </table>
  );
}

function Header({ column, selection, onSort }: { column: Column } & Pick<Properties, 'selection' | 'onSort'>) {
  const isSorted = selection.column === column;
  const direction = selection.isDescending ? 'descending' : 'ascending';
  const icon = !isSorted ? ArrowUpDown : selection.isDescending ? ArrowDown : ArrowUp;
  return (
    <th role="columnheader" scope="col" aria-sort={isSorted ? direction : undefined} class={`column-${column}`}>
      <button type="button" class="sort" onClick={() => onSort(column)}>
        {COLUMNS[column]}
        <Icon of={icon} size={14} />
      </button>
    </th>
  );
}

function Row({ shown: key, isReadOnly }: { shown: ApiKey; isReadOnly: boolean }) {
  return (
    <tr role="row" class={key.status}>
      <th role="rowheader" scope="row" class="column-name">
        <span class="name-line">
          {isReadOnly ? <span class="name">{key.name}</span> : <a class="name" href={toKey(key.id)}>{key.name}</a>}
          {key.is_default && <DefaultBadge />}
        </span>
        <code class="mask">{mask(key.key)}</code>
      </th>
      <td role="cell" class="column-type">
        <TypeBadge type={key.type} />
      </td>
      <td role="cell" class="column-status">
        <StatusBadge status={key.status} />
      </td>
      <td role="cell" class="column-expires">
        <span class="label">Expires</span>
        {key.expiry_at ? <Time at={key.expiry_at} /> : 'never'}
      </td>
      <td role="cell" class="column-used">
        <span class="label">Last used</span>
        {key.last_used_at ? <Time at={key.last_used_at} /> : 'never'}
      </td>
      <td role="cell" class="column-uses" title={plural(key.usage_count, 'use')}>
        <span class="label">Uses</span>
        {shortCount(key.usage_count)}
      </td>
      {!isReadOnly && (
        <td role="cell" class="column-actions">
          <Menu
            label={`Actions for ${key.name}`}
            icon={Ellipsis}
            items={() => keyMenu(key)}
            isBusy={pending.value.has(key.id)}
          />
        </td>
      )}
    </tr>
  );
}
