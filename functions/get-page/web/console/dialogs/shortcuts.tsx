import { Dialog, DialogFooter } from '../parts/dialog.tsx';
import { Button } from '../parts/button.tsx';
import { shortcuts } from '../preferences.ts';
import { SHORTCUTS } from '../shortcuts.ts';
import { close } from '../state/dialogs.ts';

export function ShortcutsDialog() {
  return (
    <Dialog title="Keyboard shortcuts" onClose={close}>
      <div class="dialog-body">
        <dl class="shortcuts">
          {SHORTCUTS.map(({ key, does }) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{does}</dd>
            </div>
          ))}
        </dl>
        <label class="checkbox">
          <input
            type="checkbox"
            checked={shortcuts.value === 'on'}
            onChange={(event) => {
              shortcuts.value = event.currentTarget.checked ? 'on' : 'off';
            }}
          />
          <span>
            Use single keys <small>Turn this off if you dictate or use a device that sends letters.</small>
          </span>
        </label>
      </div>
      <DialogFooter>
        <Button variant="primary" onClick={close} autofocus>
          Done
        </Button>
      </DialogFooter>
    </Dialog>
  );
}
