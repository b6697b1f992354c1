import { X } from 'lucide';
import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';

import { Button } from './button.tsx';

interface Properties {
  title: string;
  /** What Escape, the cross and, if it is safe, a click beside the dialog do. */
  onClose: () => void;
  /** Whether a click beside it closes it: not where it would lose something. */
  closesOnOutsideClick?: boolean;
  children: ComponentChildren;
}

/** A modal dialog. The browser keeps the focus in it, and gives it back. */
export function Dialog({ title, onClose, closesOnOutsideClick = true, children }: Properties) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const dialog = element.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={element}
      class="dialog"
      aria-labelledby={id}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.preventDefault();
        event.stopPropagation();
        onClose();
      }}
      onClose={(event) => event.target === element.current && element.current?.isConnected && onClose()}
      onMouseDown={(event) => {
        if (closesOnOutsideClick && event.target === element.current) onClose();
      }}
    >
      <div class="dialog-content">
        <div class="dialog-header">
          <h2 id={id}>{title}</h2>
          <Button variant="quiet" icon={X} label="Close" onClick={onClose} />
        </div>
        {children}
      </div>
    </dialog>
  );
}

/** The buttons at the end of a dialog: what it is for comes last. */
export function DialogFooter({ children }: { children: ComponentChildren }) {
  return <div class="dialog-footer">{children}</div>;
}
