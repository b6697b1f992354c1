// How a window comes to a token, and what follows from having one.

import { effect, signal } from '@preact/signals';

import { offerToken, takeTokenFromAddress } from '../../handover.ts';
import { comeBack, hasLeft, leaveFor } from '../route.ts';
import { close, dropDrafts } from './dialogs.ts';
import { forget, invalidate } from './keys.ts';
import { refreshShown } from './resource.ts';
import { hasEnded, session, signIn, signOut } from './session.ts';
import { signInUrl } from './sign-in.ts';
import { toast } from './toasts.ts';
import { borrowToken, listen, offer, tellSignedOut } from './windows.ts';

/** Why this window has no session, for its reader; null while that is not known. */
export const whyNoSession = signal<string | null>(null);

/** Looks for a token: in the address, in other windows, at the sign-in page. */
export async function arrive(): Promise<void> {
  listen({
    onChange: invalidate,
    onTaken: () => toast('You are signed in. Your other window goes on where it was, and this one can be closed.'),
  });
  offerToken(() => (hasEnded.value ? null : (session.value?.token ?? null)));
  addEventListener('hashchange', takeFromAddress);
  for (const event of ['focus', 'online', 'visibilitychange']) {
    addEventListener(event, () => refreshShown((resource) => !resource.isFresh));
  }
  if (takeFromAddress() || (await borrowToken())) return;
  if (hasLeft()) {
    whyNoSession.value = 'The sign-in page sent no token. Sign in again.';
    return;
  }
  const url = await signInUrl();
  if (url) leaveFor(url);
  else whyNoSession.value = '';
}

function takeFromAddress(): boolean {
  const token = takeTokenFromAddress();
  if (!token) return false;
  comeBack();
  const problem = signIn(token);
  whyNoSession.value = problem ?? '';
  return true;
}

export function leave(): void {
  signOut();
  tellSignedOut();
}

let subject: string | undefined;

effect(() => {
  if (session.value) offer();
  else if (subject !== undefined) whyNoSession.value = 'You are signed out.';
  if (session.value?.subject === subject) return;
  // Nothing that one user sees or types is for another.
  subject = session.value?.subject;
  forget();
  close();
  dropDrafts();
  if (session.value) queueMicrotask(() => refreshShown((resource) => resource.data.value === null));
});
