import { BookOpen, CircleUser, Keyboard, LogOut, Moon, Sun, SunMoon } from 'lucide';

import { allowance } from './api/limits.ts';
import { now } from './clock.ts';
import { Icon } from './parts/icon.tsx';
import { Menu } from './parts/menu.tsx';
import { theme } from './preferences.ts';
import { route, toKeys, toUsers } from './route.ts';
import { leave } from './state/arrival.ts';
import { open } from './state/dialogs.ts';
import { session, type Session } from './state/session.ts';
import { duration } from './words.ts';
import icon from '../icon.svg';

const THEMES = { system: { label: 'As the system', icon: SunMoon }, light: { label: 'Light', icon: Sun }, dark: { label: 'Dark', icon: Moon } };

export function Header() {
  const present = session.value;
  return (
    <header class="header">
      <a class="brand" href={toKeys}>
        <img src={icon} alt="" width="28" height="28" />
        <span>
          Nuxera <span class="brand-rest">API keys</span>
        </span>
      </a>
      {present?.isAdmin && <Places />}
      <div class="header-end">
        {present && <AllowanceMeter />}
        {/* The reference asks this window for the token, so it has to know its opener. */}
        <a class="header-link" href="docs" target="_blank" rel="opener">
          <Icon of={BookOpen} />
          <span>API reference</span>
        </a>
        <ThemeMenu />
        {present && <AccountMenu present={present} />}
      </div>
    </header>
  );
}

function Places() {
  const { view } = route.value;
  const isKeys = view === 'keys' || view === 'key';
  const isUsers = view === 'users' || view === 'user';
  return (
    <nav class="places" aria-label="Main">
      <a href={toKeys} aria-current={isKeys ? 'page' : undefined}>
        My keys
      </a>
      <a href={toUsers} aria-current={isUsers ? 'page' : undefined}>
        Users
      </a>
    </nav>
  );
}

function AllowanceMeter() {
  const { value } = allowance;
  if (!value) return null;
  const { quota, resetsAt } = value;
  const left = resetsAt > now.value ? value.left : quota;
  return (
    <span class={`allowance ${left < quota / 4 ? 'low' : ''}`} title="Your programs and this console share the limit">
      <meter min={0} max={quota} low={quota / 4} value={left} aria-label="Calls left in this minute" />
      <span>
        {left} of {quota} calls left
      </span>
    </span>
  );
}

function ThemeMenu() {
  return (
    <Menu
      label="Colours"
      icon={THEMES[theme.value].icon}
      items={() =>
        (['system', 'light', 'dark'] as const).map((value) => ({
          ...THEMES[value],
          isChecked: theme.value === value,
          run: () => {
            theme.value = value;
          },
        }))
      }
    />
  );
}

function AccountMenu({ present }: { present: Session }) {
  const left = present.expiresAt - now.value;
  const name = present.userId ? `User ${present.userId}` : 'Signed in';
  const role = present.isAdmin ? ', administrator' : '';
  return (
    <div class="account">
      <span class="account-text">
        <span>
          {name}
          {role}
        </span>
        <small class={left < 300_000 ? 'low' : ''}>
          {left > 0 ? `${duration(left)} left` : 'Session ended'}
        </small>
      </span>
      <Menu
        label={`Account: ${name}`}
        icon={CircleUser}
        items={() => [
          { label: 'Keyboard shortcuts', icon: Keyboard, run: () => open({ kind: 'shortcuts' }) },
          { label: 'Sign out', icon: LogOut, run: leave },
        ]}
      />
    </div>
  );
}
