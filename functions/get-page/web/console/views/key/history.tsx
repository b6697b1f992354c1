import { ArrowRight, CirclePlus, Clock, Download, Pause, Pencil, Play, RefreshCw, Star, StarOff, Trash2 } from 'lucide';
import { useState } from 'preact/hooks';

import type { ApiKey, AuditEntry } from '../../api/client.ts';
import { Failure } from '../../api/failure.ts';
import { Button } from '../../parts/button.tsx';
import { FailedLoad } from '../../parts/failure.tsx';
import { Icon } from '../../parts/icon.tsx';
import { Skeleton } from '../../parts/skeleton.tsx';
import { Time } from '../../parts/time.tsx';
import { type Details, loadOlder } from '../../state/keys.ts';
import { useResource } from '../../state/resource.ts';
import { ACTIONS, actor, dateAndTime, fieldValue, FIELDS } from '../../words.ts';

const ICONS: Record<AuditEntry['action'], typeof Clock> = {
  create: CirclePlus,
  update: Pencil,
  delete: Trash2,
  pause: Pause,
  resume: Play,
  set_default: Star,
  remove_default: StarOff,
  rotate: RefreshCw,
  expire: Clock,
  import: Download,
};

/** The trail of a key, newest first. */
export function History({ shown: key, details }: { shown: ApiKey; details: Details }) {
  const { data, failure, isLoading } = useResource(details.trail);
  const [olderFailure, setOlderFailure] = useState<Failure | null>(null);
  const [isLoadingOlder, setLoadingOlder] = useState(false);
  const trail = data.value;

  async function older() {
    setLoadingOlder(true);
    setOlderFailure(null);
    await loadOlder(details).catch(setOlderFailure);
    setLoadingOlder(false);
  }

  return (
    <section class="card" aria-labelledby="history">
      <h2 id="history">History</h2>
      {failure.value && (
        <FailedLoad failure={failure.value} isLoading={isLoading.value} retry={() => void details.trail.load()} />
      )}
      {trail ? (
        <ol class="timeline">
          {trail.entries.map((entry) => (
            <Entry key={entry.id} entry={entry} ownerId={key.user_id} />
          ))}
        </ol>
      ) : (
        !failure.value && <Skeleton lines={5} what="The history" />
      )}
      {olderFailure && <FailedLoad failure={olderFailure} isLoading={isLoadingOlder} retry={() => void older()} />}
      {trail?.next && (
        <Button isBusy={isLoadingOlder} onClick={older}>
          Show older entries
        </Button>
      )}
    </section>
  );
}

function Entry({ entry, ownerId }: { entry: AuditEntry; ownerId: number }) {
  const order = Object.keys(FIELDS);
  const changes = Object.entries(entry.changes)
    .filter(([field]) => isTelling(entry, field))
    .sort(([a], [b]) => order.indexOf(a) - order.indexOf(b));
  return (
    <li class={`entry ${entry.action}`}>
      <span class="entry-icon">
        <Icon of={ICONS[entry.action]} size={15} />
      </span>
      <div class="entry-text">
        <p>
          <strong>{ACTIONS[entry.action]}</strong> by {actor(entry, ownerId)}{' '}
          <span class="entry-time">
            <Time at={entry.at} />
          </span>
        </p>
        {changes.length > 0 && (
          <ul class="changes">
            {changes.map(([field, { from, to }]) => (
              <li key={field}>
                <span class="field-name">{FIELDS[field]}</span>{' '}
                {entry.action !== 'create' && field !== 'previous_key_until' && (
                  <>
                    <del>{fieldValue(field, from)}</del> <Icon of={ArrowRight} size={13} />
                    <span class="sr-only">to</span>{' '}
                  </>
                )}
                <ins>{fieldValue(field, to)}</ins>
              </li>
            ))}
          </ul>
        )}
        <details>
          <summary>Details</summary>
          <dl>
            <div>
              <dt>Time</dt>
              <dd>{dateAndTime(entry.at)}</dd>
            </div>
            {entry.source_ip && (
              <div>
                <dt>Address</dt>
                <dd>{entry.source_ip}</dd>
              </div>
            )}
            <div>
              <dt>Request</dt>
              <dd>
                <code>{entry.request_id}</code>
              </dd>
            </div>
          </dl>
        </details>
      </div>
    </li>
  );
}

/** Whether a change says more than the action does. */
function isTelling({ action, changes }: AuditEntry, field: string): boolean {
  if (action === 'create' || action === 'update') return true;
  if (field === 'previous_key_until') return changes[field]?.to !== null;
  return field !== 'status' && field !== 'is_default' && action !== 'delete';
}
