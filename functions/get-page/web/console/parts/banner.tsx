import { CircleAlert, Info, TriangleAlert } from 'lucide';
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

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
  const banner = useRef<HTMLDivElement>(null);
  // A dialog may be longer than the window.
  useLayoutEffect(() => {
    if (isAlert && banner.current?.closest('dialog')) banner.current.scrollIntoView({ block: 'nearest' });
  }, [isAlert]);
  return (
    <div ref={banner} class={`banner ${tone}`} role={isAlert ? 'alert' : undefined}>
      <Icon of={ICONS[tone]} />
      <div class="banner-text">
        {title && <strong>{title}. </strong>}
        {children}
      </div>
      {actions && <div class="banner-actions">{actions}</div>}
    </div>
  );
}
