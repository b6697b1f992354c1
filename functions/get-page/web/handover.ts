// How a page gets the token of whoever opens it. It is never stored.

/** Takes `#token=…` out of the address, the history included. */
export function takeTokenFromAddress(): string | null {
  const token = /^#token=([\w.-]+)$/.exec(location.hash)?.[1] ?? null;
  if (token) history.replaceState(null, '', location.pathname + location.search);
  return token;
}
