import type { ApiKey } from '../api/client.ts';
import { Banner } from '../parts/banner.tsx';
import { shown } from '../state/keys.ts';
import { fieldValue, FIELDS, mask } from '../words.ts';

const FOLLOWED = ['name', 'type', 'status', 'expiry_at'] as const;

/** Says in a dialog what has become of its key since it was opened, as by another window. */
export function Meantime({ opened, children }: { opened: ApiKey; children?: string }) {
  const present = shown(opened);
  if (!present) {
    return (
      <Banner tone="danger" title="Deleted in the meantime" isAlert>
        Calls with this key are refused.
      </Banner>
    );
  }
  const changes = FOLLOWED.filter((field) => present[field] !== opened[field]).map((field) => (
    <span class="detail" key={field}>
      {FIELDS[field]}: <strong>{fieldValue(field, present[field])}</strong>
    </span>
  ));
  const isRotated = mask(present.key) !== mask(opened.key);
  if (changes.length === 0 && !isRotated) return null;
  return (
    <Banner tone="warning" title="Changed in the meantime" isAlert>
      {isRotated && 'The key has a newer string. '}
      {children}
      {changes}
    </Banner>
  );
}
