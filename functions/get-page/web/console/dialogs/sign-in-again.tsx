import { Banner } from '../parts/banner.tsx';
import { Button } from '../parts/button.tsx';
import { Dialog, DialogFooter } from '../parts/dialog.tsx';
import { SignInForm } from '../parts/sign-in-form.tsx';
import { putOff, refusal, session } from '../state/session.ts';

/** Asks for a new token, over whatever is open. Calls that wait for one go on then. */
export function SignInAgainDialog() {
  const user = session.value?.userId ? `user ${session.value.userId}` : 'the same user';
  return (
    <Dialog title={refusal.value ? 'Your token was refused' : 'Your session has ended'} onClose={putOff} closesOnOutsideClick={false}>
      <div class="dialog-body">
        {refusal.value && <Banner tone="danger">{refusal.value}.</Banner>}
        <p>Sign in as {user} to go on where you are. Nothing that you typed is lost.</p>
        <SignInForm />
      </div>
      <DialogFooter>
        <Button onClick={putOff}>Not now</Button>
      </DialogFooter>
    </Dialog>
  );
}
