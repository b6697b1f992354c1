import { CircleAlert, CircleCheck, X } from 'lucide';
import { useEffect, useRef, useState } from 'preact/hooks';

import { dismiss, lifetime, toasts, type Toast } from '../state/toasts.ts';
import { Button } from './button.tsx';
import { Icon } from './icon.tsx';

/** The place where notes appear. It is there from the start, so that screen readers attend to it. */
export function Toasts() {
  return (
    <section class="toasts" aria-label="Notes" aria-live="polite">
      {toasts.value.map((toast) => (
        <Note key={toast.id} toast={toast} />
      ))}
    </section>
  );
}

function Note({ toast }: { toast: Toast }) {
  const [isHeld, setHeld] = useState(false);
  const rest = useRef(lifetime(toast));
  // It stays while it is pointed at or has the focus.
  useEffect(() => {
    if (isHeld) return;
    const start = performance.now();
    const timer = setTimeout(() => dismiss(toast.id), rest.current);
    return () => {
      clearTimeout(timer);
      rest.current -= performance.now() - start;
    };
  }, [isHeld]);
  return (
    <div
      class={`toast ${toast.tone}`}
      onMouseEnter={() => setHeld(true)}
      onMouseLeave={() => setHeld(false)}
      onFocusIn={() => setHeld(true)}
      onFocusOut={() => setHeld(false)}
    >
      <Icon of={toast.tone === 'success' ? CircleCheck : CircleAlert} />
      <p>{toast.text}</p>
      {toast.action && (
        <button
          type="button"
          class="toast-action"
          onClick={() => {
            toast.action?.run();
            dismiss(toast.id);
          }}
        >
          {toast.action.label}
        </button>
      )}
      <Button variant="quiet" icon={X} label="Dismiss" onClick={() => dismiss(toast.id)} />
    </div>
  );
}
