import { useState } from 'preact/hooks';

import type { ApiKey } from '../api/client.ts';
import { now } from '../clock.ts';
import { Banner } from '../parts/banner.tsx';
import { Button } from '../parts/button.tsx';
import { Dialog, DialogFooter } from '../parts/dialog.tsx';
import { FailureNote } from '../parts/failure.tsx';
import { TextField, useSubmit } from '../parts/form.tsx';
import { toKeys, go, route } from '../route.ts';
import { deleteKey } from '../state/actions.ts';
import { close } from '../state/dialogs.ts';
import { fromNow } from '../words.ts';
import { Meantime } from './meantime.tsx';

export function DeleteDialog({ deleted }: { deleted: ApiKey }) {
  const [typed, setTyped] = useState('');
  const [isWrong, setWrong] = useState(false);

  const { isBusy, failure, form, onSubmit } = useSubmit(async () => {
    setWrong(typed.trim() !== deleted.name);
    if (typed.trim() !== deleted.name) return;
    await deleteKey(deleted);
    close();
    if (route.value.view === 'key') go(toKeys);
  });

  return (
    <Dialog title="Delete key" onClose={close} closesOnOutsideClick={typed === ''}>
      <form ref={form} onSubmit={onSubmit}>
        <div class="dialog-body">
          {!isBusy && <Meantime opened={deleted} />}
          <p>
            Calls with <strong>{deleted.name}</strong> are refused from then on. This cannot be undone. The history stays.
          </p>
          {deleted.last_used_at && (
            <Banner tone="warning">
              It was last used {fromNow(deleted.last_used_at, now.value)}. Pause it first if you are not sure: you can undo that.
            </Banner>
          )}
          {deleted.is_default && (
            <Banner tone="warning">It is your default key. Calls without a key have none afterwards.</Banner>
          )}
          <TextField
            label={
              <>
                Type <strong class="quoted">{deleted.name}</strong> to confirm
              </>
            }
            value={typed}
            onInput={setTyped}
            error={isWrong ? 'This is not the name. Type it exactly as it is written above.' : undefined}
            autofocus
          />
          {failure && <FailureNote failure={failure} />}
        </div>
        <DialogFooter>
          <Button onClick={close}>Cancel</Button>
          <Button variant="danger" type="submit" isBusy={isBusy}>
            Delete key
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  );
}
