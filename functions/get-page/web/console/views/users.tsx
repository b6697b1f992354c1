import { UserRound, UserSearch } from 'lucide';
import { useState } from 'preact/hooks';

import { lookUpKey } from '../api/client.ts';
import { Button } from '../parts/button.tsx';
import { Banner } from '../parts/banner.tsx';
import { Empty } from '../parts/empty.tsx';
import { FailureNote } from '../parts/failure.tsx';
import { TextField, useSubmit } from '../parts/form.tsx';
import { go, toUser } from '../route.ts';
import { keysOf } from '../state/keys.ts';
import { useResource } from '../state/resource.ts';
import { session } from '../state/session.ts';
import { KeyList } from './keys/keys.tsx';
import { Heading } from './heading.tsx';

/** Where an administrator names a user, or a string that somebody has found. */
export function UsersView() {
  return (
    <>
      <Heading title="Users" subtitle="Look at the keys of any user, with their strings masked." />
      <NotAdmin />
      <UserSearchForm />
      <StringSearchForm />
      <Empty icon={UserSearch} title="Whose keys?">
        <p>Enter the id of a user, as it is in their token, in a trail or in a log, or a key string that was found somewhere.</p>
      </Empty>
    </>
  );
}

/** Another user's keys. */
export function UserView({ id, query }: { id: number; query: URLSearchParams }) {
  const resource = useResource(keysOf(id));
  return (
    <>
      <Heading title={`Keys of user ${id}`} subtitle="You can look at them, but not change them." />
      <UserSearchForm key={id} present={id} />
      <KeyList
        resource={resource}
        place={toUser(id)}
        query={query}
        isReadOnly
        empty={
          <Empty icon={UserRound} title="This user has no keys">
            <p>Check the id: a user without keys cannot be told from one who does not exist.</p>
          </Empty>
        }
      />
    </>
  );
}

function NotAdmin() {
  if (session.value?.isAdmin) return null;
  return <Banner tone="info">Your token has no administrator's role: you can look at your own keys only.</Banner>;
}

function UserSearchForm({ present }: { present?: number }) {
  const [id, setId] = useState(present ? String(present) : '');
  const [error, setError] = useState<string>();
  return (
    <form
      class="user-search"
      onSubmit={(event) => {
        event.preventDefault();
        const isId = /^[1-9]\d{0,15}$/.test(id.trim()) && Number.isSafeInteger(Number(id));
        setError(isId ? undefined : 'An id is a whole number, such as 123.');
        if (isId) go(toUser(Number(id)));
      }}
    >
      <TextField label="User id" inputMode="numeric" value={id} onInput={setId} error={error} required autofocus={!present} />
      <Button variant="primary" type="submit">
        Show keys
      </Button>
    </form>
  );
}

/** Finds whose key a string is. Looking it up is no use of the key, and the string goes into no address. */
function StringSearchForm() {
  const [string, setString] = useState('');
  const { isBusy, failure, form, onSubmit } = useSubmit(async () => {
    const { id, user_id } = await lookUpKey(string.trim());
    go(`${toUser(user_id)}?q=${id}`);
  });
  const isUnknown = failure?.kind === 'missing';
  return (
    <form class="user-search" ref={form} onSubmit={onSubmit}>
      <TextField
        label="Key string"
        isConcealed
        value={string}
        onInput={setString}
        error={isUnknown ? 'No key has this string.' : undefined}
        required
      />
      <Button variant="primary" type="submit" isBusy={isBusy}>
        Find key
      </Button>
      {failure && !isUnknown && <FailureNote failure={failure} />}
    </form>
  );
}
