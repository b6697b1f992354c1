import { CircleAlert, Info, TriangleAlert } from 'lucide';
import type { ComponentChildren } from 'preact';

import { Icon } from './icon.tsx';

const ICONS = { info: Info, warning: TriangleAlert, danger: CircleAlert };

interface Properties {
  tone: keyof typeof ICONS;
  title?: string;
  children: ComponentChildren;
  /** Buttons and links. */
  actions?: ComponentChildren;
  /** Whether it is read out as soon as it appears. */
  isAlert?: boolean;
}

export function Banner({ tone, title, children, actions, isAlert = false }: Properties) {
  return (
    <div class={`banner ${tone}`} role={isAlert ? 'alert' : undefined}>
      <Icon of={ICONS[tone]} />
      <div class="banner-text">
        {title && <strong>{title}. </strong>}
        {children}
      </div>
      {actions && <div class="banner-actions">{actions}</div>}
    </div>
  );
}
