// The token with which calls are tried: in memory alone, from the address.

import { takeTokenFromAddress } from '../handover.ts';

const MINUTE = 60_000;

const token = takeTokenFromAddress();

/** Calls back with the token, if there is one. */
export function onToken(callback: (token: string) => void): void {
  if (token) callback(token);
}

/** Keeps the line that says as whom calls are made. */
export function showSession(line: HTMLElement): void {
  if (!token) return;
  const show = () => {
    line.textContent = describe(token);
  };
  show();
  setInterval(show, MINUTE);
}

function describe(token: string): string {
  const { user_id: user, exp } = claims(token);
  const minutes = Math.floor((exp * 1000 - Date.now()) / MINUTE);
  if (minutes < 0) return 'The token has expired. Authorize with a new one.';
  const left = minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`;
  return `Calls are made as user ${user}, for another ${left}.`;
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
