import { SignInForm } from '../parts/sign-in-form.tsx';
import { leaveFor } from '../route.ts';
import { Heading } from './heading.tsx';
import icon from '../../icon.svg';

/** For those who come without a token. Where they wanted to go is kept. */
export function SignInView({ note }: { note: string | null }) {
  return (
    <div class="sign-in">
      <img src={icon} alt="" width="48" height="48" />
      <Heading title="Sign in to your keys" subtitle="Create, rotate, pause and delete the keys that your programs transcribe with." />
      {note && <p role="status">{note}</p>}
      <SignInForm leave={leaveFor} />
    </div>
  );
}
