import type { ApiKey } from '../../api/client.ts';
import { now } from '../../clock.ts';
import { Banner } from '../../parts/banner.tsx';
import { Button } from '../../parts/button.tsx';
import { Time } from '../../parts/time.tsx';
import { resumeKey } from '../../state/actions.ts';
import { open } from '../../state/dialogs.ts';
import type { Trail } from '../../state/keys.ts';
import { attentionOf, dateAndTime } from '../../words.ts';

/** What the owner ought to know about a key, and what to do about it. */
export function KeyNotes({ shown: key, trail }: { shown: ApiKey; trail: Trail | null }) {
  const attention = attentionOf(key, now.value);
  const edit = () => open({ kind: 'edit', key });
  const oldStringUntil = endOfOldString(trail, now.value);
  return (
    <>
      {key.status === 'expired' && (
        <Banner
          tone="danger"
          title="Expired"
          actions={<Button onClick={() => open({ kind: 'create' })}>Create a new key</Button>}
        >
          Calls with this key are refused, and it cannot be brought back.
        </Banner>
      )}
      {key.status === 'paused' && (
        <Banner tone="info" title="Paused" actions={<Button onClick={() => void resumeKey(key)}>Resume</Button>}>
          Calls with this key are refused until you resume it.
        </Banner>
      )}
      {attention.includes('expiring') && key.expiry_at && (
        <Banner tone="warning" title="Expires soon" actions={<Button onClick={edit}>Change expiry</Button>}>
          It stops working <Time at={key.expiry_at} />. Once expired, it cannot be brought back.
        </Banner>
      )}
      {attention.includes('eternal') && (
        <Banner tone="info" title="Never expires" actions={<Button onClick={edit}>Set an expiry</Button>}>
          A key with an end does less harm if it leaks.
        </Banner>
      )}
      {attention.includes('unused') && (
        <Banner tone="info" title="Unused for 90 days" actions={<Button onClick={() => open({ kind: 'delete', key })}>Delete</Button>}>
          Nobody seems to need it, and a forgotten key can only do harm.
        </Banner>
      )}
      {oldStringUntil && (
        <Banner tone="info" title="Two strings work" actions={<Button onClick={() => open({ kind: 'rotate', key })}>Rotate again</Button>}>
          The string before the last rotation works until {dateAndTime(oldStringUntil)}.
        </Banner>
      )}
    </>
  );
}

/** Until when the string before the last rotation works; null if it does not, or if the trail does not say. */
function endOfOldString(trail: Trail | null, now: number): string | null {
  const change = trail?.entries.find(({ action }) => action === 'rotate')?.changes['previous_key_until'];
  return typeof change?.to === 'string' && Date.parse(change.to) > now ? change.to : null;
}
