// The deployment's sign-in page, which sends people back with a token in the fragment.

import { API_URL } from '../api/client.ts';

let asked: Promise<string | null> | undefined;

/** Its address; null if the deployment names none. Asked for once, and only by those who need it. */
export function signInUrl(): Promise<string | null> {
  asked ??= load().catch(() => {
    // The next one asks again.
    asked = undefined;
    return null;
  });
  return asked;
}

async function load(): Promise<string | null> {
  const response = await fetch(`${API_URL}/console/settings.json`);
  const { sign_in_url: url } = await response.json();
  return url;
}
