import type { IconNode } from 'lucide';
import type { ButtonHTMLAttributes, Ref } from 'preact';

import { Icon } from './icon.tsx';

interface Properties extends ButtonHTMLAttributes {
  variant?: 'primary' | 'secondary' | 'quiet' | 'danger';
  icon?: IconNode;
  /** Whether what it does is under way. It keeps the focus, and does nothing then. */
  isBusy?: boolean;
  /** The name of a button that shows its icon alone. */
  label?: string;
  buttonRef?: Ref<HTMLButtonElement>;
}

export function Button({ variant = 'secondary', icon, isBusy = false, label, buttonRef, onClick, children, ...rest }: Properties) {
  return (
    <button
      type="button"
      class={`button ${variant} ${label ? 'icon-only' : ''}`}
      aria-label={label}
      title={label}
      aria-busy={isBusy}
      onClick={(event) => {
        if (isBusy) event.preventDefault();
        else onClick?.call(event.currentTarget as never, event);
      }}
      {...rest}
      ref={buttonRef ?? null}
    >
      {isBusy ? <span class="spinner" /> : icon && <Icon of={icon} />}
      {children && <span>{children}</span>}
    </button>
  );
}
