import { Eye, EyeOff } from 'lucide';
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

import type { ApiKey } from '../../api/client.ts';
import { now } from '../../clock.ts';
import { Button } from '../../parts/button.tsx';
import { CopyButton } from '../../parts/copy.tsx';
import { count, dateAndTime, fromNow, isWhole, mask, TYPES } from '../../words.ts';

/** The fields of a key. */
export function Facts({ shown: key }: { shown: ApiKey }) {
  return (
    <section class="card" aria-labelledby="facts">
      <h2 id="facts">Details</h2>
      <dl class="facts">
        <Fact name="String">
          <KeyString text={key.key} />
        </Fact>
        <Fact name="ID">
          <span class="with-copy">
            {key.id} <CopyButton text={String(key.id)} what="the id" variant="quiet" />
          </span>
        </Fact>
        <Fact name="Type">{TYPES[key.type].name}</Fact>
        <Fact name="Created">
          <Moment at={key.created_at} />
        </Fact>
        <Fact name="Expires">{key.expiry_at ? <Moment at={key.expiry_at} /> : 'Never'}</Fact>
        <Fact name="Last used">{key.last_used_at ? <Moment at={key.last_used_at} /> : 'Never'}</Fact>
        <Fact name="Uses">{count(key.usage_count)}</Fact>
      </dl>
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Moment({ at }: { at: string }) {
  return (
    <time dateTime={at}>
      {dateAndTime(at)} <small>{fromNow(at, now.value)}</small>
    </time>
  );
}

/** The string, covered. Deployments that show it once send it masked later on. */
function KeyString({ text }: { text: string }) {
  const [isShown, setShown] = useState(false);
  if (!isWhole(text)) {
    return (
      <>
        <code>{text}</code>
        <small>Shown whole when it was issued, and not again.</small>
      </>
    );
  }
  return (
    <span class="with-copy">
      <code class="whole">{isShown ? text : mask(text)}</code>
      <Button
        variant="quiet"
        icon={isShown ? EyeOff : Eye}
        label={isShown ? 'Hide the string' : 'Show the string'}
        onClick={() => setShown(!isShown)}
      />
      <CopyButton text={text} what="the string" variant="quiet" />
    </span>
  );
}
