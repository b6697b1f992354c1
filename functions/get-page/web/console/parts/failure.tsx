import { RotateCw } from 'lucide';
import { useEffect, useState } from 'preact/hooks';

import { advice, type Failure } from '../api/failure.ts';
import { serverTime } from '../clock.ts';
import { countdown } from '../words.ts';
import { Banner } from './banner.tsx';
import { Button } from './button.tsx';

/** The seconds until a repeat makes sense, counted down. */
function useCountdown({ retryAt }: Failure): number {
  const rest = () => Math.max(0, Math.ceil(((retryAt ?? 0) - serverTime()) / 1000));
  const [seconds, setSeconds] = useState(rest);
  useEffect(() => {
    setSeconds(rest());
    const timer = setInterval(() => setSeconds(rest()), 250);
    return () => clearInterval(timer);
  }, [retryAt]);
  return seconds;
}

interface Properties {
  failure: Failure;
  /** The fields of the form, which say themselves what is wrong with them. */
  marked?: readonly string[];
  /** Buttons. */
  children?: preact.ComponentChildren;
}

/** Says what failed and what to do. */
export function FailureNote({ failure, marked = [], children }: Properties) {
  const seconds = useCountdown(failure);
  const { title, text } = advice(failure);
  return (
    <Banner tone="danger" title={title} isAlert actions={children}>
      {text}
      {failure.retryAt !== null && (seconds > 0 ? ` Try again in ${countdown(seconds * 1000)}.` : ' You can try again now.')}
      {failure.details.filter(({ field }) => !marked.includes(field)).map(({ field, message }) => (
        <span class="detail" key={field}>
          {message}
        </span>
      ))}
    </Banner>
  );
}

/** In place of what could not be loaded. It is loaded again as soon as the limit or the network allows. */
export function FailedLoad({ failure, isLoading, retry }: { failure: Failure; isLoading: boolean; retry: () => void }) {
  const seconds = useCountdown(failure);
  const isWaiting = failure.kind === 'limited' && seconds > 0;
  useEffect(() => {
    if (failure.kind === 'limited' && failure.retryAt !== null && seconds === 0) retry();
  }, [failure, seconds === 0]);
  useEffect(() => {
    if (failure.kind !== 'offline') return;
    addEventListener('online', retry);
    return () => removeEventListener('online', retry);
  }, [failure]);
  return (
    <FailureNote failure={failure}>
      {!['missing', 'forbidden', 'invalid'].includes(failure.kind) && !isWaiting && (
        <Button icon={RotateCw} isBusy={isLoading} onClick={retry}>
          Try again
        </Button>
      )}
    </FailureNote>
  );
}
