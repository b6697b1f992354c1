// The place within the console, which is in the fragment: `#/keys/42`. A reload comes back to it.

import { computed, signal } from '@preact/signals';

export type Route =
  | { view: 'keys'; query: URLSearchParams }
  | { view: 'key'; id: number }
  | { view: 'users' }
  | { view: 'user'; id: number; query: URLSearchParams }
  | { view: 'unknown' };

/** Where to come back to after signing in elsewhere. It is no secret, and the window keeps it no longer than itself. */
const RETURN_TO = 'return-to';

const hash = signal(isToken(location.hash) ? '' : location.hash);
addEventListener('hashchange', () => {
  if (!isToken(location.hash)) hash.value = location.hash;
});

/** A fragment that hands over a token is no place. */
function isToken(fragment: string): boolean {
  return fragment.startsWith('#token=');
}

export const route = computed<Route>(() => parse(hash.value));

function parse(fragment: string): Route {
  const [path = '', query = ''] = fragment.replace(/^#/, '').split('?');
  const [first = '', second, ...rest] = path.split('/').filter(Boolean);
  const id = /^[1-9]\d{0,15}$/.test(second ?? '') ? Number(second) : null;
  if (rest.length > 0 || (second !== undefined && id === null)) return { view: 'unknown' };
  switch (first) {
    case '':
      return { view: 'keys', query: new URLSearchParams(query) };
    case 'keys':
      return id ? { view: 'key', id } : { view: 'keys', query: new URLSearchParams(query) };
    case 'users':
      return id ? { view: 'user', id, query: new URLSearchParams(query) } : { view: 'users' };
    default:
      return { view: 'unknown' };
  }
}

export const toKeys = '#/';
export const toKey = (id: number): string => `#/keys/${id}`;
export const toUsers = '#/users';
export const toUser = (id: number): string => `#/users/${id}`;

export function go(to: string): void {
  location.hash = to;
}

/** Names another state of the same place, which is no step to go back over. */
export function replace(to: string): void {
  history.replaceState(history.state, '', to);
  hash.value = to;
}

/** Leaves for another site, which comes back with a token. */
export function leaveFor(url: string): void {
  sessionStorage.setItem(RETURN_TO, location.hash || toKeys);
  location.assign(url);
}

/** Whether this window left for another site, and has not come back with a token since. */
export const hasLeft = (): boolean => sessionStorage.getItem(RETURN_TO) !== null;

/** Comes back to the place that was left, or stays where the window is. */
export function comeBack(): void {
  replace(sessionStorage.getItem(RETURN_TO) ?? (hash.value || toKeys));
  sessionStorage.removeItem(RETURN_TO);
}
