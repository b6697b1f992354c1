// Swagger UI leaves controls without a name for those who do not see what is beside them.

/** Names what has no name, now and whenever something is added. */
export function nameControls(place: HTMLElement): void {
  const name = () => place.querySelectorAll<HTMLElement>('input, select, textarea').forEach(nameControl);
  new MutationObserver(name).observe(place, { childList: true, subtree: true });
}

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
