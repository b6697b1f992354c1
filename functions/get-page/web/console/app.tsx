import { signal } from '@preact/signals';
import { LogIn } from 'lucide';

import { CreateDialog } from './dialogs/create.tsx';
import { DeleteDialog } from './dialogs/delete.tsx';
import { EditDialog } from './dialogs/edit.tsx';
import { IssuedDialog } from './dialogs/issued.tsx';
import { RotateDialog } from './dialogs/rotate.tsx';
import { ShortcutsDialog } from './dialogs/shortcuts.tsx';
import { SignInAgainDialog } from './dialogs/sign-in-again.tsx';
import { Header } from './header.tsx';
import { Banner } from './parts/banner.tsx';
import { Button } from './parts/button.tsx';
import { Toasts } from './parts/toasts.tsx';
import { route, toKeys } from './route.ts';
import { whyNoSession } from './state/arrival.ts';
import { dialog } from './state/dialogs.ts';
import { asksAgain, hasEnded, isPutOff, session } from './state/session.ts';
import { Heading } from './views/heading.tsx';
import { KeyView } from './views/key/key.tsx';
import { KeysView } from './views/keys/keys.tsx';
import { SignInView } from './views/sign-in.tsx';
import { UsersView, UserView } from './views/users.tsx';

const isOnline = signal(navigator.onLine);
for (const event of ['online', 'offline']) {
  addEventListener(event, () => {
    isOnline.value = navigator.onLine;
  });
}

export function App() {
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <Header />
      <main id="main" tabIndex={-1}>
        {!isOnline.value && (
          <Banner tone="warning" title="You are offline" isAlert>
            This page may be out of date. It is loaded again as soon as there is a connection.
          </Banner>
        )}
        {hasEnded.value && isPutOff.value && (
          <Banner
            tone="warning"
            title="Your session has ended"
            actions={
              <Button
                variant="primary"
                icon={LogIn}
                onClick={() => {
                  isPutOff.value = false;
                }}
              >
                Sign in again
              </Button>
            }
          >
            This page may be out of date, and nothing can be changed.
          </Banner>
        )}
        {session.value ? <View /> : whyNoSession.value !== null && <SignInView note={whyNoSession.value} />}
      </main>
      <OpenDialog />
      {asksAgain.value && <SignInAgainDialog />}
      <Toasts />
    </>
  );
}

/** The fragment is the place within the console, so it cannot name a part of the page. */
function skip(event: Event) {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

function View() {
  const place = route.value;
  switch (place.view) {
    case 'keys':
      return <KeysView query={place.query} />;
    case 'key':
      return <KeyView key={place.id} id={place.id} />;
    case 'users':
      return <UsersView />;
    case 'user':
      return <UserView key={place.id} id={place.id} query={place.query} />;
    case 'unknown':
      return (
        <>
          <Heading title="There is nothing here" subtitle="The address names no place in this console." />
          <a class="button primary" href={toKeys}>
            Show your keys
          </a>
        </>
      );
  }
}

function OpenDialog() {
  const { value } = dialog;
  switch (value?.kind) {
    case undefined:
      return null;
    case 'create':
      return <CreateDialog />;
    case 'issued':
      return <IssuedDialog issued={value.key} isNew={value.isNew} />;
    case 'edit':
      return <EditDialog edited={value.key} />;
    case 'rotate':
      return <RotateDialog rotated={value.key} />;
    case 'delete':
      return <DeleteDialog deleted={value.key} />;
    case 'shortcuts':
      return <ShortcutsDialog />;
  }
}
