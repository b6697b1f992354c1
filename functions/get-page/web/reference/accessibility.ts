// What Swagger UI leaves out for those who do not see the page, or do not use a pointer.

const CONTROLS = 'input, select, textarea';

/** Amends what is there, now and whenever something is added. */
export function makeAccessible(place: HTMLElement): void {
  const each = <T extends HTMLElement>(selector: string, amend: (element: T) => void) =>
    place.querySelectorAll<T>(selector).forEach(amend);
  new MutationObserver(() => {
    each(CONTROLS, nameControl);
    each('button', nameButton);
    // A region is a landmark, of which there would be as many as operations.
    each('table[role="region"]', (table) => table.removeAttribute('role'));
    // What scrolls can be scrolled by keyboard.
    each('pre:not([tabindex])', (text) => {
      text.tabIndex = 0;
    });
  }).observe(place, { childList: true, subtree: true });
}

/** Swagger UI has no names for some controls. */
function nameControl(control: HTMLElement): void {
  if (control.ariaLabel || control.closest('label') || (control.id && document.querySelector(`label[for="${control.id}"]`))) {
    return;
  }
  control.ariaLabel = nearby(control);
}

function nearby(control: HTMLElement): string {
  const parameter = control.closest('.parameters')?.querySelector('.parameter__name')?.textContent;
  const status = control.closest('tr.response')?.querySelector('.response-col_status')?.textContent;
  if (parameter) return parameter.replace('*', '').trim();
  if (control.matches('.examples-select-element')) return status ? `Example of ${status.trim()}` : 'Example';
  if (control.matches('.content-type')) return status ? `Media type of ${status.trim()}` : 'Media type of the request';
  return control.matches('.body-param__text') ? 'Request body' : 'Value';
}

/** A button is called what it says, and one that says nothing closes its dialogue. */
function nameButton(button: HTMLElement): void {
  const text = button.textContent.trim();
  if (!text && button.matches('.close-modal')) button.ariaLabel = 'Close';
  if (text && button.ariaLabel && !button.ariaLabel.includes(text)) button.ariaLabel = null;
}
