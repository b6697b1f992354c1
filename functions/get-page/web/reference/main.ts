import { onToken, showSession } from './session.ts';

const place = element('swagger-ui');
let loading: Promise<void> | undefined;

/** Loads the operations once: they are ten times as large as the rest of the page. */
function load(): Promise<void> {
  loading ??= import('./operations.ts').then(({ show }) => show(place, onToken));
  return loading;
}

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`there is no #${id}`);
  return found;
}

showSession(element('session'));

// When they come near, or when a link leads to one of them.
new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && load(), {
  rootMargin: '800px',
}).observe(place);
if (location.hash.startsWith('#/')) load();
addEventListener('hashchange', () => location.hash.startsWith('#/') && load());
