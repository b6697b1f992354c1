// A request that makes something must not make it twice when it is repeated.

import { useRef } from 'preact/hooks';

/** What was sent last, and the `Idempotency-Key` that it was sent with. */
export interface Attempt {
  body: string;
  id: string;
}

/** The key for a body: the same as long as the body is, also after the dialog was closed and opened again. */
export function useAttempt(kept: Attempt | undefined) {
  const last = useRef(kept);
  return {
    of(body: object): string {
      const text = JSON.stringify(body);
      if (last.current?.body !== text) last.current = { body: text, id: crypto.randomUUID() };
      return last.current.id;
    },
    get last() {
      return last.current;
    },
  };
}
