import { now } from '../clock.ts';
import { dateAndTime, fromNow } from '../words.ts';

/** How far a time is from now. The time itself is shown on pointing. */
export function Time({ at }: { at: string }) {
  return (
    <time dateTime={at} title={dateAndTime(at)}>
      {fromNow(at, now.value)}
    </time>
  );
}
