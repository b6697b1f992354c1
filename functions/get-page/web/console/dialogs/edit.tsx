import { useState } from 'preact/hooks';

import type { ApiKey, KeyChanges, KeyType } from '../api/client.ts';
import { Banner } from '../parts/banner.tsx';
import { Button } from '../parts/button.tsx';
import { Dialog, DialogFooter } from '../parts/dialog.tsx';
import { type Expiry, expiryAt, ExpiryField } from '../parts/expiry.tsx';
import { FailureNote } from '../parts/failure.tsx';
import { Choice, TextField, useSubmit } from '../parts/form.tsx';
import { updateKey } from '../state/actions.ts';
import { close, draftOf, dropDraft, keepDraft } from '../state/dialogs.ts';
import { toast } from '../state/toasts.ts';
import { TYPE_OPTIONS } from './create.tsx';
import { Meantime } from './meantime.tsx';

interface Draft {
  name: string;
  type: KeyType;
  expiry: Expiry;
}

export function EditDialog({ edited }: { edited: ApiKey }) {
  const name = `edit ${edited.id}`;
  const [draft, setDraft] = useState<Draft>(
    () => draftOf<Draft>(name) ?? { name: edited.name, type: edited.type, expiry: { choice: 'keep', day: '' } },
  );
  const isExpired = edited.status === 'expired';

  function change(changes: Partial<Draft>) {
    const next = { ...draft, ...changes };
    setDraft(next);
    keepDraft(name, next);
  }

  function cancel() {
    dropDraft(name);
    close();
  }

  const { isBusy, failure, form, onSubmit } = useSubmit(async () => {
    const expiry = expiryAt(draft.expiry);
    // The others might have been changed in another window.
    const changes: KeyChanges = {
      ...(draft.name !== edited.name && { name: draft.name }),
      ...(draft.type !== edited.type && { type: draft.type }),
      ...(expiry !== undefined && { expiry_at: expiry }),
    };
    if (Object.keys(changes).length > 0) {
      const key = await updateKey(edited, changes);
      toast(`“${key.name}” is saved.`);
    }
    cancel();
  });

  return (
    <Dialog title="Edit key" onClose={close} closesOnOutsideClick={false}>
      <form ref={form} onSubmit={onSubmit}>
        <div class="dialog-body">
          {!isBusy && <Meantime opened={edited}>You replace only what you change here.</Meantime>}
          <TextField
            label="Name"
            value={draft.name}
            onInput={(name) => change({ name })}
            error={failure?.of('name')}
            required
            autofocus
          />
          {isExpired && (
            <Banner tone="info">An expired key can only be renamed. Create a new one to go on.</Banner>
          )}
          <Choice
            legend="Type"
            kind="cards"
            options={TYPE_OPTIONS}
            value={draft.type}
            onChange={(type) => change({ type })}
            isDisabled={isExpired}
          >
            {draft.type !== edited.type && <p class="hint">The string stays the same, and so does its prefix.</p>}
          </Choice>
          <ExpiryField
            value={draft.expiry}
            onChange={(expiry) => change({ expiry })}
            error={failure?.of('expiry_at')}
            present={edited.expiry_at}
            isDisabled={isExpired}
          />
          {failure && <FailureNote failure={failure} marked={['name', 'expiry_at']} />}
        </div>
        <DialogFooter>
          <Button onClick={cancel}>Cancel</Button>
          <Button variant="primary" type="submit" isBusy={isBusy}>
            Save changes
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  );
}
