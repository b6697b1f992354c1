import { useEffect, useState } from 'preact/hooks';

import { API_URL, type ApiKey } from '../api/client.ts';
import { Banner } from '../parts/banner.tsx';
import { Button } from '../parts/button.tsx';
import { CopyButton } from '../parts/copy.tsx';
import { Dialog, DialogFooter } from '../parts/dialog.tsx';
import { close } from '../state/dialogs.ts';
import { Meantime } from './meantime.tsx';

/** The call that shows that a key works. */
const trial = ({ key, user_id }: ApiKey) => `curl -sS "${API_URL}/api/transcribe" \\
  -H "x-api-key: ${key}" \\
  -F "audio=@recording.wav" \\
  -F "userId=${user_id}" \\
  -F "speciality=General Practice"`;

/** Shows a string that was just issued. It has to be copied, or the closing to be confirmed. */
export function IssuedDialog({ issued, isNew }: { issued: ApiKey; isNew: boolean }) {
  const [isCopied, setCopied] = useState(false);
  const [wasAsked, setAsked] = useState(false);

  // The browser asks before it drops the one copy.
  useEffect(() => {
    if (isCopied) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  }, [isCopied]);

  function leave() {
    if (isCopied || wasAsked) close();
    else setAsked(true);
  }

  return (
    <Dialog title={isNew ? 'Your new key' : 'Your new string'} onClose={leave} closesOnOutsideClick={false}>
      <div class="dialog-body">
        <Meantime opened={issued} />
        <p>
          Copy the string of <strong>{issued.name}</strong> to where your program reads its secrets. Anyone who has it can
          transcribe at your expense: keep it out of e-mails, tickets and source code.
        </p>
        <div class="secret">
          <output aria-label="Key string">{issued.key}</output>
          <CopyButton text={issued.key} what="the key" label="Copy" variant="primary" onCopied={() => setCopied(true)} />
        </div>
        <div class="trial">
          <div class="trial-header">
            <h3>Try it</h3>
            <CopyButton text={trial(issued)} what="the command" variant="quiet" />
          </div>
          <pre class="code" tabIndex={0} role="region" aria-label="Command that uses the key">
            <code>{trial(issued)}</code>
          </pre>
          <p class="hint">
            Run it in a terminal, with a recording of your own in place of <code>recording.wav</code>. It answers with the text.
            {issued.status === 'paused' && ' The key is paused: resume it first.'}
          </p>
        </div>
        {wasAsked && !isCopied && (
          <Banner tone="warning" title="Not copied yet" isAlert>
            This dialog does not come back. Copy the string, or close the dialog once more if you have it.
          </Banner>
        )}
      </div>
      <DialogFooter>
        <Button variant={isCopied ? 'primary' : 'secondary'} onClick={leave}>
          {isCopied ? 'Done' : 'Close'}
        </Button>
      </DialogFooter>
    </Dialog>
  );
}
