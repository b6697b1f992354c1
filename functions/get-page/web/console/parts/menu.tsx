import { Check } from 'lucide';
import type { IconNode } from 'lucide';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';

import { Button } from './button.tsx';
import { Icon } from './icon.tsx';

export interface MenuItem {
  label: string;
  icon: IconNode;
  run: () => void;
  isDangerous?: boolean;
  /** For one of several that exclude each other. */
  isChecked?: boolean;
}

interface Properties {
  label: string;
  icon: IconNode;
  items: () => MenuItem[];
  isBusy?: boolean;
}

/** A button with a menu (WAI-ARIA menu button pattern). The menu is made when it is opened. */
export function Menu({ label, icon, items, isBusy = false }: Properties) {
  const button = useRef<HTMLButtonElement>(null);
  const [opensAt, setOpensAt] = useState<'first' | 'last' | null>(null);
  const close = () => {
    setOpensAt(null);
    button.current?.focus();
  };
  return (
    <>
      <Button
        variant="quiet"
        icon={icon}
        label={label}
        isBusy={isBusy}
        buttonRef={button}
        aria-haspopup="menu"
        aria-expanded={opensAt !== null}
        onClick={() => setOpensAt(opensAt ? null : 'first')}
        onKeyDown={(event) => {
          if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
          event.preventDefault();
          setOpensAt(event.key === 'ArrowDown' ? 'first' : 'last');
        }}
      />
      {opensAt && button.current && (
        <OpenMenu label={label} anchor={button.current} items={items()} opensAt={opensAt} close={close} dismiss={() => setOpensAt(null)} />
      )}
    </>
  );
}

interface OpenProperties {
  label: string;
  anchor: HTMLElement;
  items: MenuItem[];
  opensAt: 'first' | 'last';
  /** Closes it and returns to the button. */
  close: () => void;
  /** Closes it since the focus or the page is elsewhere. */
  dismiss: () => void;
}

function OpenMenu({ label, anchor, items, opensAt, close, dismiss }: OpenProperties) {
  const menu = useRef<HTMLDivElement>(null);
  const entries = () => [...(menu.current?.querySelectorAll<HTMLElement>('[role^=menuitem]') ?? [])];

  useLayoutEffect(() => {
    const element = menu.current;
    if (!element) return;
    element.showPopover();
    place(element, anchor);
    entries().at(opensAt === 'first' ? 0 : -1)?.focus();
    const elsewhere = ({ target }: Event) => !element.contains(target as Node) && !anchor.contains(target as Node) && dismiss();
    const listeners = new AbortController();
    const options = { capture: true, signal: listeners.signal };
    addEventListener('pointerdown', elsewhere, options);
    addEventListener('scroll', () => (isInView(anchor) ? place(element, anchor) : dismiss()), options);
    addEventListener('resize', dismiss, options);
    return () => listeners.abort();
  }, []);

  function onKeyDown(event: KeyboardEvent) {
    const all = entries();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const move = (to: number) => {
      event.preventDefault();
      all.at(to % all.length)?.focus();
    };
    event.stopPropagation();
    switch (event.key) {
      case 'ArrowDown':
        return move(at + 1);
      case 'ArrowUp':
        return move(at - 1);
      case 'Home':
        return move(0);
      case 'End':
        return move(-1);
      case 'Escape':
        event.preventDefault();
        return close();
      case 'Tab':
        return close();
      default: {
        const next = [...all.slice(at + 1), ...all.slice(0, at + 1)];
        const letter = event.key.toLowerCase();
        if (letter.length === 1) next.find((entry) => entry.textContent?.toLowerCase().startsWith(letter))?.focus();
      }
    }
  }

  return (
    <div
      ref={menu}
      class="menu"
      role="menu"
      aria-label={label}
      popover="manual"
      onKeyDown={onKeyDown}
    >
      {items.map(({ label, icon, run, isDangerous, isChecked }) => (
        <button
          key={label}
          type="button"
          class={`menu-item ${isDangerous ? 'danger' : ''}`}
          role={isChecked === undefined ? 'menuitem' : 'menuitemradio'}
          aria-checked={isChecked}
          tabIndex={-1}
          onClick={() => {
            close();
            run();
          }}
        >
          <Icon of={icon} />
          {label}
          {isChecked && <Icon of={Check} />}
        </button>
      ))}
    </div>
  );
}

function isInView(anchor: HTMLElement): boolean {
  const { top, bottom } = anchor.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
}

/** Puts the menu below its button, or above where there is no room, with the ends of their lines in one place. */
function place(menu: HTMLElement, anchor: HTMLElement): void {
  const gap = 4;
  const { bottom, top, right } = anchor.getBoundingClientRect();
  const { width, height } = menu.getBoundingClientRect();
  const fitsBelow = bottom + gap + height <= innerHeight;
  menu.style.top = `${fitsBelow ? bottom + gap : Math.max(gap, top - gap - height)}px`;
  menu.style.left = `${Math.max(gap, right - width)}px`;
}
