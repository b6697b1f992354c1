import { ArrowLeft, Ellipsis, KeyRound, Pause, Play, RefreshCw } from 'lucide';

import type { ApiKey } from '../../api/client.ts';
import { DefaultBadge, StatusBadge, TypeBadge } from '../../parts/badge.tsx';
import { Button } from '../../parts/button.tsx';
import { Empty } from '../../parts/empty.tsx';
import { FailedLoad } from '../../parts/failure.tsx';
import { Icon } from '../../parts/icon.tsx';
import { Menu } from '../../parts/menu.tsx';
import { Skeleton } from '../../parts/skeleton.tsx';
import { toKeys } from '../../route.ts';
import { pauseKey, pending, resumeKey } from '../../state/actions.ts';
import { open } from '../../state/dialogs.ts';
import { type Details, detailsOf } from '../../state/keys.ts';
import { useResource } from '../../state/resource.ts';
import { Heading } from '../heading.tsx';
import { Facts } from './facts.tsx';
import { Formats } from './formats.tsx';
import { History } from './history.tsx';
import { keyMenu } from './menu.ts';
import { KeyNotes } from './notes.tsx';
import { UsageCard } from './usage.tsx';

export function KeyView({ id }: { id: number }) {
  const details = detailsOf(id);
  const { data, failure, isLoading } = useResource(details.key);
  const key = data.value;
  return (
    <>
      <a class="back" href={toKeys}>
        <Icon of={ArrowLeft} size={16} />
        All keys
      </a>
      {failure.value?.kind === 'missing' ? (
        <Gone />
      ) : (
        <>
          {failure.value && (
            <FailedLoad failure={failure.value} isLoading={isLoading.value} retry={() => void details.key.load()} />
          )}
          {key ? <Present shown={key} details={details} /> : !failure.value && <Skeleton lines={6} what="The key" />}
        </>
      )}
    </>
  );
}

function Gone() {
  return (
    <>
      <Heading title="This key is gone" />
      <Empty icon={KeyRound} title="There is nothing to change here">
        <p>It was deleted, perhaps in another window, or it belongs to someone else.</p>
        <a class="button primary" href={toKeys}>
          Show your keys
        </a>
      </Empty>
    </>
  );
}

function Present({ shown: key, details }: { shown: ApiKey; details: Details }) {
  const isBusy = pending.value.has(key.id);
  return (
    <>
      <Heading
        title={key.name}
        subtitle={
          <span class="badges">
            <StatusBadge status={key.status} />
            <TypeBadge type={key.type} />
            {key.is_default && <DefaultBadge />}
          </span>
        }
      >
        {key.status === 'active' && (
          <Button icon={Pause} isBusy={isBusy} onClick={() => void pauseKey(key)}>
            Pause
          </Button>
        )}
        {key.status === 'paused' && (
          <Button icon={Play} isBusy={isBusy} onClick={() => void resumeKey(key)}>
            Resume
          </Button>
        )}
        {key.status !== 'expired' && (
          <Button icon={RefreshCw} onClick={() => open({ kind: 'rotate', key })}>
            Rotate
          </Button>
        )}
        <Menu label="More actions" icon={Ellipsis} items={() => keyMenu(key)} isBusy={isBusy} />
      </Heading>
      <KeyNotes shown={key} trail={details.trail.data.value} />
      <div class="key-columns">
        <div class="key-main">
          <UsageCard usage={details.usage} />
          <History shown={key} details={details} />
        </div>
        <div class="key-side">
          <Facts shown={key} />
        </div>
        <Formats shown={key} />
      </div>
    </>
  );
}
