import { useState } from 'preact/hooks';

import type { ApiKey } from '../api/client.ts';
import { DAY, HOUR, serverTime } from '../clock.ts';
import { Banner } from '../parts/banner.tsx';
import { Button } from '../parts/button.tsx';
import { Dialog, DialogFooter } from '../parts/dialog.tsx';
import { FailureNote } from '../parts/failure.tsx';
import { Choice, useSubmit } from '../parts/form.tsx';
import { rotateKey } from '../state/actions.ts';
import { close, draftOf, dropDraft, keepDraft, open } from '../state/dialogs.ts';
import { dateAndTime } from '../words.ts';
import { type Attempt, useAttempt } from './attempt.ts';
import { Meantime } from './meantime.tsx';

/** In ms. The API allows 30 days. */
const GRACES = { none: 0, hour: HOUR, day: DAY, week: 7 * DAY, month: 30 * DAY };
type Grace = keyof typeof GRACES;

const OPTIONS: { value: Grace; label: string }[] = [
  { value: 'none', label: 'At once' },
  { value: 'hour', label: 'After 1 hour' },
  { value: 'day', label: 'After 1 day' },
  { value: 'week', label: 'After 7 days' },
  { value: 'month', label: 'After 30 days' },
];

interface Draft {
  grace: Grace;
  attempt?: Attempt | undefined;
}

export function RotateDialog({ rotated }: { rotated: ApiKey }) {
  const name = `rotate ${rotated.id}`;
  const [draft, setDraft] = useState<Draft>(() => draftOf<Draft>(name) ?? { grace: 'day' });
  const attempt = useAttempt(draft.attempt);

  function change(changes: Partial<Draft>) {
    const next = { ...draft, ...changes };
    setDraft(next);
    keepDraft(name, next);
  }

  const { isBusy, failure, form, onSubmit } = useSubmit(async () => {
    const grace = GRACES[draft.grace] / 1000;
    const id = attempt.of({ grace });
    change({ attempt: attempt.last });
    const key = await rotateKey(rotated, grace, id);
    dropDraft(name);
    open({ kind: 'issued', key, isNew: false });
  });

  return (
    <Dialog title="Rotate key" onClose={close}>
      <form ref={form} onSubmit={onSubmit}>
        <div class="dialog-body">
          {!isBusy && <Meantime opened={rotated} />}
          <p>
            <strong>{rotated.name}</strong> gets a new string. Its name, type, expiry and history stay.
          </p>
          <Choice
            legend="The old string stops working"
            kind="chips"
            options={OPTIONS}
            value={draft.grace}
            onChange={(grace) => change({ grace })}
          >
            <p class="hint" aria-live="polite">
              {explain(rotated, GRACES[draft.grace])}
            </p>
          </Choice>
          {draft.grace === 'none' && (
            <Banner tone="warning">Programs that use the old string are refused until they have the new one.</Banner>
          )}
          {failure && <FailureNote failure={failure} />}
          {failure?.isUncertain && (
            <p class="hint">The key may have been rotated. Trying again does not rotate it a second time.</p>
          )}
        </div>
        <DialogFooter>
          <Button onClick={close}>Cancel</Button>
          <Button variant="primary" type="submit" isBusy={isBusy} autofocus>
            Rotate key
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  );
}

function explain({ expiry_at }: ApiKey, grace: number): string {
  if (grace === 0) return 'Only the new string works from now on.';
  const end = serverTime() + grace;
  if (expiry_at !== null && Date.parse(expiry_at) < end) return `Both strings work until the key expires, ${dateAndTime(expiry_at)}.`;
  return `Both strings work until ${dateAndTime(new Date(end).toISOString())}. A string that an earlier rotation replaced ends now.`;
}
