import { Check, Copy } from 'lucide';
import { useEffect, useState } from 'preact/hooks';

import { toast } from '../state/toasts.ts';
import { Button } from './button.tsx';

interface Properties {
  text: string;
  /** What is copied, as in “Copy the key”. */
  what: string;
  label?: string;
  variant?: 'primary' | 'secondary' | 'quiet';
  onCopied?: () => void;
}

/** Copies a text. With a label it shows one, else its icon alone. */
export function CopyButton({ text, what, label, variant = 'secondary', onCopied }: Properties) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), 2_000);
    return () => clearTimeout(timer);
  }, [isCopied]);

  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      onCopied?.();
    } catch {
      toast(`Your browser does not let this page copy. Select ${what} and copy it by hand.`, { tone: 'danger' });
    }
  }

  return (
    <Button variant={variant} icon={isCopied ? Check : Copy} onClick={copy} {...(!label && { label: `Copy ${what}` })}>
      {label && (isCopied ? 'Copied' : label)}
      <span class="sr-only" role="status">
        {isCopied && !label ? 'Copied' : ''}
      </span>
    </Button>
  );
}
