import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

interface Properties {
  title: string;
  subtitle?: ComponentChildren;
  /** Buttons. */
  children?: ComponentChildren;
}

/** Whether a view was shown before: the focus is only moved when the view changes. */
let isFirst = true;

/** The heading of a view. It gets the focus when the view opens, as a page that loads would. */
export function Heading({ title, subtitle, children }: Properties) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (!isFirst) heading.current?.focus({ preventScroll: true });
    isFirst = false;
  }, []);
  useEffect(() => {
    document.title = `${title} – Nuxera API keys`;
  }, [title]);
  return (
    <div class="heading">
      <div class="heading-text">
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {subtitle && <p>{subtitle}</p>}
      </div>
      {children && <div class="heading-actions">{children}</div>}
    </div>
  );
}
