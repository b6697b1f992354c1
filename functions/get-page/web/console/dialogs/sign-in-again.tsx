import { Button } from '../parts/button.tsx';
import { Dialog, DialogFooter } from '../parts/dialog.tsx';
import { SignInForm } from '../parts/sign-in-form.tsx';
import { putOff, session } from '../state/session.ts';

/** Asks for a new token, over whatever is open. What waits for it goes on then. */
export function SignInAgainDialog() {
  return (
    <Dialog title="Your session has ended" onClose={putOff} closesOnOutsideClick={false}>
      <div class="dialog-body">
        <p>
          Sign in again as the same user{session.value?.userId && `, ${session.value.userId},`} to go on where you are. Nothing that you typed is lost.
        </p>
        <SignInForm />
      </div>
      <DialogFooter>
        <Button onClick={putOff}>Not now</Button>
      </DialogFooter>
    </Dialog>
  );
}
