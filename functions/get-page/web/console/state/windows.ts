// The other windows of this deployment's console: they tell each other of changes, and lend each other the token.
//
// A message reaches pages of this origin only, and is kept nowhere. The channel bears the path, since stages share an origin.

import { API_URL } from '../api/client.ts';
import { hasEnded, session, signIn, signOut } from './session.ts';

type Message =
  | { kind: 'token-wanted' }
  | { kind: 'token'; token: string; subject: string }
  | { kind: 'token-taken' }
  | { kind: 'signed-out' }
  | { kind: 'changed'; subject: string; keyId: number };

/** How long another window has to answer, in ms. */
const PATIENCE = 150;

const channel = new BroadcastChannel(`console of ${API_URL}`);
const post = (message: Message) => channel.postMessage(message);

interface Callbacks {
  /** A key of the user was changed in another window. */
  onChange: (keyId: number) => void;
  /** Another window goes on with the token that this one has. */
  onTaken: () => void;
}

export function listen({ onChange, onTaken }: Callbacks): void {
  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    const present = session.value;
    switch (data.kind) {
      case 'token-wanted':
        if (!hasEnded.value) offer();
        break;
      case 'token':
        // Never in place of a token that works, nor that of another user where something is shown.
        if (present ? hasEnded.value && present.subject === data.subject : true) take(data.token);
        break;
      case 'token-taken':
        onTaken();
        break;
      case 'signed-out':
        if (present) signOut();
        break;
      case 'changed':
        if (present?.subject === data.subject) onChange(data.keyId);
        break;
    }
  };
}

let taken: () => void = () => {};

function take(token: string): void {
  const goesOn = session.value !== null;
  if (signIn(token) !== null) return;
  taken();
  if (goesOn) post({ kind: 'token-taken' });
}

/** Whether another window is signed in, and this one now is, too. */
export function borrowToken(): Promise<boolean> {
  const answer = new Promise<boolean>((resolve) => {
    taken = () => resolve(true);
    setTimeout(() => resolve(false), PATIENCE);
  });
  post({ kind: 'token-wanted' });
  return answer;
}

/** Gives this window's token to those that ask for one. */
export function offer(): void {
  if (session.value) post({ kind: 'token', token: session.value.token, subject: session.value.subject });
}

export function tellSignedOut(): void {
  post({ kind: 'signed-out' });
}

export function tellChanged(keyId: number): void {
  if (session.value) post({ kind: 'changed', subject: session.value.subject, keyId });
}
