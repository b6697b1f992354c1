import { KeyRound, Plus, RotateCw, SearchX } from 'lucide';
import type { ComponentChildren } from 'preact';

import type { ApiKey } from '../../api/client.ts';
import { now } from '../../clock.ts';
import { Button } from '../../parts/button.tsx';
import { Empty } from '../../parts/empty.tsx';
import { FailedLoad } from '../../parts/failure.tsx';
import { Skeleton } from '../../parts/skeleton.tsx';
import { replace, toKeys } from '../../route.ts';
import { open } from '../../state/dialogs.ts';
import { keys } from '../../state/keys.ts';
import { type Resource, useResource } from '../../state/resource.ts';
import { count, plural } from '../../words.ts';
import { Heading } from '../heading.tsx';
import { AttentionNotes } from './attention.tsx';
import { isFiltered, read, select, type Selection, sortedBy, write } from './selection.ts';
import { KeyTable } from './table.tsx';
import { Toolbar } from './toolbar.tsx';

const create = () => open({ kind: 'create' });

/** The caller's own keys. */
export function KeysView({ query }: { query: URLSearchParams }) {
  const { data, isLoading } = useResource(keys);
  const all = data.value;
  const active = all?.filter(({ status }) => status === 'active').length ?? 0;
  return (
    <>
      <Heading title="API keys" subtitle={all?.length ? `${plural(all.length, 'key')}, ${count(active)} active` : 'Each lets a program transcribe as you.'}>
        <Button icon={RotateCw} label="Load again" isBusy={isLoading.value && all !== null} onClick={() => void keys.load()} />
        <Button variant="primary" icon={Plus} onClick={create} aria-keyshortcuts="c">
          Create key
        </Button>
      </Heading>
      <KeyList
        resource={keys}
        place={toKeys}
        query={query}
        empty={
          <Empty icon={KeyRound} title="You have no keys yet">
            <p>A key lets a program transcribe recordings as you. Make one for each program, so that you can stop one without the others.</p>
            <Button variant="primary" icon={Plus} onClick={create}>
              Create your first key
            </Button>
          </Empty>
        }
      />
    </>
  );
}

interface ListProperties {
  resource: Resource<ApiKey[]>;
  /** The address of the view that the list is in. */
  place: string;
  query: URLSearchParams;
  empty: ComponentChildren;
  isReadOnly?: boolean;
}

export function KeyList({ resource, place, query, empty, isReadOnly = false }: ListProperties) {
  const { data, failure, isLoading } = resource;
  const selection = read(query);
  const change = (changes: Partial<Selection>) => replace(write(place, { ...selection, ...changes }));
  const all = data.value;
  const failed = failure.value && (
    <FailedLoad failure={failure.value} isLoading={isLoading.value} retry={() => void resource.load()} />
  );
  if (!all) return failed ?? <Skeleton lines={8} what="The list" />;
  if (all.length === 0) return failed ?? empty;

  const shown = select(all, selection, now.value);
  return (
    <>
      {failed}
      <AttentionNotes
        keys={all}
        now={now.value}
        chosen={selection.attention}
        onChoose={(attention) => change({ attention })}
      />
      <Toolbar keys={all} selection={selection} onChange={change} />
      <p class="sr-only" role="status">
        {isFiltered(selection) ? `${plural(shown.length, 'key')} found` : ''}
      </p>
      {shown.length > 0 ? (
        <KeyTable
          keys={shown}
          selection={selection}
          onSort={(column) => change(sortedBy(selection, column))}
          isReadOnly={isReadOnly}
        />
      ) : (
        <Empty icon={SearchX} title="No key matches">
          <p>Search for less, or choose another status or type.</p>
          <Button onClick={() => replace(place)}>Show all keys</Button>
        </Empty>
      )}
    </>
  );
}
