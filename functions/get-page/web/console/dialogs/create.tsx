import { useState } from 'preact/hooks';

import type { KeyType, NewKey } from '../api/client.ts';
import { Button } from '../parts/button.tsx';
import { Dialog, DialogFooter } from '../parts/dialog.tsx';
import { type Expiry, expiryAt, ExpiryField } from '../parts/expiry.tsx';
import { FailureNote } from '../parts/failure.tsx';
import { Choice, TextField, useSubmit } from '../parts/form.tsx';
import { createKey } from '../state/actions.ts';
import { close, draftOf, dropDraft, keepDraft, open } from '../state/dialogs.ts';
import { TYPES } from '../words.ts';
import { type Attempt, useAttempt } from './attempt.ts';

interface Draft {
  name: string;
  type: KeyType;
  expiry: Expiry;
  isPaused: boolean;
  attempt?: Attempt | undefined;
  /** With the expiry as it was sent, which is counted from then. */
  sent?: { fields: string; body: NewKey } | undefined;
}

const EMPTY: Draft = { name: '', type: 'live', expiry: { choice: '365', day: '' }, isPaused: false };
const DRAFT = 'create';

export const TYPE_OPTIONS = (Object.keys(TYPES) as KeyType[]).map((value) => ({
  value,
  label: TYPES[value].name,
  hint: TYPES[value].use,
}));

export function CreateDialog() {
  const [draft, setDraft] = useState(() => draftOf<Draft>(DRAFT) ?? EMPTY);
  const attempt = useAttempt(draft.attempt);

  function change(changes: Partial<Draft>) {
    const next = { ...draft, ...changes };
    setDraft(next);
    keepDraft(DRAFT, next);
  }

  const { isBusy, failure, form, onSubmit } = useSubmit(async () => {
    const { name, type, expiry, isPaused } = draft;
    const fields = JSON.stringify([name, type, expiry, isPaused]);
    const fresh = { name, type, status: isPaused ? 'paused' : 'active', expiry_at: expiryAt(expiry) ?? null } as const;
    const body = draft.sent?.fields === fields ? draft.sent.body : fresh;
    const id = attempt.of(body);
    change({ attempt: attempt.last, sent: { fields, body } });
    const key = await createKey(body, id);
    dropDraft(DRAFT);
    open({ kind: 'issued', key, isNew: true });
  });

  return (
    <Dialog title="Create a key" onClose={close} closesOnOutsideClick={draft.name === ''}>
      <form ref={form} onSubmit={onSubmit}>
        <div class="dialog-body">
          <TextField
            label="Name"
            hint="The program or place that uses the key, such as “Ward 3 dictation”."
            value={draft.name}
            onInput={(name) => change({ name })}
            error={failure?.of('name')}
            required
            autofocus
          />
          <Choice
            legend="Type"
            kind="cards"
            options={TYPE_OPTIONS}
            value={draft.type}
            onChange={(type) => change({ type })}
          />
          <ExpiryField value={draft.expiry} onChange={(expiry) => change({ expiry })} error={failure?.of('expiry_at')} />
          <label class="checkbox">
            <input
              type="checkbox"
              checked={draft.isPaused}
              onChange={(event) => change({ isPaused: event.currentTarget.checked })}
            />
            <span>
              Start paused <small>Calls with the key are refused until you resume it.</small>
            </span>
          </label>
          {failure && <FailureNote failure={failure} marked={['name', 'expiry_at']} />}
          {failure?.isUncertain && (
            <p class="hint">The key may have been created. Trying again does not make a second one.</p>
          )}
        </div>
        <DialogFooter>
          <Button onClick={close}>Cancel</Button>
          <Button variant="primary" type="submit" isBusy={isBusy}>
            Create key
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  );
}
