import { LogIn } from 'lucide';
import { useEffect, useState } from 'preact/hooks';

import { Button } from './button.tsx';
import { TextField } from './form.tsx';
import { signIn } from '../state/session.ts';
import { signInUrl } from '../state/sign-in.ts';

interface Properties {
  /** What happens at the link to the sign-in page. Without it, a window beside this one is opened, which hands its token over. */
  leave?: ((url: string) => void) | undefined;
}

/** The ways to a token: the deployment's sign-in page, if it has one, and pasting. */
export function SignInForm({ leave }: Properties) {
  const [url, setUrl] = useState<string | null>(null);
  const [token, setToken] = useState('');
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => void signInUrl().then(setUrl), []);

  return (
    <div class="sign-in-form">
      {url && (
        <a
          class="button primary"
          href={url}
          target={leave ? undefined : '_blank'}
          rel="noopener"
          onClick={(event) => {
            if (!leave) return;
            event.preventDefault();
            leave(url);
          }}
        >
          Sign in
        </a>
      )}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setProblem(signIn(token));
        }}
      >
        <TextField
          label={url ? 'Or paste a token' : 'Token'}
          hint="The access token (JWT) for the API. This window forgets it when you close or reload it."
          isConcealed
          value={token}
          onInput={setToken}
          error={problem ?? undefined}
          required
          autofocus={!url}
        />
        <Button variant={url ? 'secondary' : 'primary'} type="submit" icon={LogIn}>
          Continue
        </Button>
      </form>
    </div>
  );
}
