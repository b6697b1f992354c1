// The token with which calls are tried: in memory alone, from the address, or from the console that opened this window.

import { receiveToken, takeTokenFromAddress } from '../handover.ts';

const MINUTE = 60_000;

let token = takeTokenFromAddress();
let changed: (token: string) => void = () => {};

/** Calls back with the present token, if there is one, and with each that follows. */
export function onToken(callback: (token: string) => void): void {
  changed = callback;
  if (token) callback(token);
}

/** Keeps the line that says as whom calls are made. */
export function showSession(line: HTMLElement): void {
  const show = () => {
    if (token) line.textContent = describe(token);
  };
  receiveToken((received) => {
    if (received === token) return;
    token = received;
    changed(received);
    show();
  });
  show();
  setInterval(show, MINUTE);
}

function describe(token: string): string {
  const { user_id: user, exp } = claims(token);
  const minutes = Math.floor((exp * 1000 - Date.now()) / MINUTE);
  if (minutes < 0) return 'The token has expired. Sign in again in the console, and come back.';
  const left = minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`;
  // The deployment may take the user from another claim.
  return `Calls are made ${user ? `as user ${user}` : 'with your token'}, for another ${left}.`;
}

/** What a token says, unverified: the API judges it. */
function claims(token: string): { user_id?: number; exp: number } {
  try {
    const payload = token.split('.')[1]?.replace(/-/g, '+').replace(/_/g, '/') ?? '';
    return JSON.parse(atob(payload));
  } catch {
    return { exp: 0 };
  }
}
