import type { IconNode } from 'lucide';
import type { ComponentChildren } from 'preact';

import { Icon } from './icon.tsx';

/** In place of what is not there. */
export function Empty({ icon, title, children }: { icon: IconNode; title: string; children: ComponentChildren }) {
  return (
    <div class="empty">
      <span class="empty-icon">
        <Icon of={icon} size={28} />
      </span>
      <h2>{title}</h2>
      {children}
    </div>
  );
}
