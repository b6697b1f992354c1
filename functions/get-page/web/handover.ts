// The token goes from the console to a window that the console opened, and nowhere else: it is never stored, and a message is
// only taken from a page of this deployment.

const WANTED = 'token-wanted';
const GIVEN = 'token';

/** In the console: gives its token to the windows that it opened and that ask for it. */
export function offerToken(current: () => string | null): void {
  addEventListener('message', ({ origin, data, source }) => {
    const token = current();
    if (origin === location.origin && data?.kind === WANTED && token && source) {
      source.postMessage({ kind: GIVEN, token }, { targetOrigin: location.origin });
    }
  });
}

/** In the reference: asks the console that opened it, also whenever its window is returned to. */
export function receiveToken(receive: (token: string) => void): void {
  const opener: Window | null = window.opener;
  if (!opener) return;
  addEventListener('message', ({ origin, data, source }) => {
    if (origin === location.origin && source === opener && data?.kind === GIVEN) receive(data.token);
  });
  const ask = () => opener.postMessage({ kind: WANTED }, location.origin);
  addEventListener('focus', ask);
  ask();
}

/** Takes `#token=…` out of the address, the history included. */
export function takeTokenFromAddress(): string | null {
  const token = /^#token=([\w.-]+)$/.exec(location.hash)?.[1] ?? null;
  if (token) history.replaceState(null, '', location.pathname + location.search);
  return token;
}
