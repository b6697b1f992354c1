// Something that is loaded from the API, and loaded again when it may be out of date.

import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import { Failure } from '../api/failure.ts';
import { canSpare } from '../api/limits.ts';
import { hasEnded } from './session.ts';

/** How long something is taken for current when a window is returned to, in ms. */
const FRESH = 30_000;

export class Resource<T> {
  readonly data = signal<T | null>(null);
  readonly failure = signal<Failure | null>(null);
  readonly isLoading = signal(false);
  private loadedAt = 0;
  /** Rises with each change, so that an answer from before a change is not taken for the state after it. */
  private changes = 0;
  /** Of the load under way: one that is abandoned changes nothing any more. */
  private loads = 0;
  private readonly fetch: () => Promise<T>;

  constructor(fetch: () => Promise<T>) {
    this.fetch = fetch;
  }

  /** Loads it, whatever is there. Of two loads at once, the second waits for the first. */
  async load(): Promise<void> {
    if (this.isLoading.value) return;
    this.isLoading.value = true;
    this.loads += 1;
    const load = this.loads;
    try {
      for (let before = NaN; before !== this.changes; ) {
        before = this.changes;
        const data = await this.fetch();
        if (load !== this.loads) return;
        if (before === this.changes) this.data.value = data;
      }
      this.failure.value = null;
      this.loadedAt = Date.now();
    } catch (error) {
      if (load === this.loads) this.failure.value = error instanceof Failure ? error : new Failure('failed', String(error));
    } finally {
      if (load === this.loads) this.isLoading.value = false;
    }
  }

  get isFresh(): boolean {
    return this.data.value !== null && Date.now() - this.loadedAt < FRESH;
  }

  /** Loads it if it is not there, or was not for a while. */
  async refresh(): Promise<void> {
    if (!this.isFresh) await this.load();
  }

  /** Whether it is known to be out of date. */
  get isOutdated(): boolean {
    return this.data.value !== null && this.loadedAt === 0;
  }

  /** Says that it has changed, or may have, in a way that is not known here. */
  invalidate(): void {
    this.changes += 1;
    this.loadedAt = 0;
  }

  /** Takes over what came in another way. */
  set(data: T): void {
    this.changes += 1;
    this.data.value = data;
    this.failure.value = null;
    this.loadedAt = Date.now();
  }

  /** Takes in a change that the API has confirmed. */
  change(change: (data: T) => T): void {
    this.changes += 1;
    if (this.data.value !== null) this.data.value = change(this.data.value);
  }

  /** Forgets it, and abandons the load under way. */
  clear(): void {
    this.invalidate();
    this.loads += 1;
    this.isLoading.value = false;
    this.data.value = null;
    this.failure.value = null;
  }
}

/** What this window shows. */
const shown = new Set<Resource<unknown>>();

/** Shows a resource, which is loaded unless it is current. */
export function useResource<T>(resource: Resource<T>): Resource<T> {
  useEffect(() => {
    shown.add(resource as Resource<unknown>);
    void resource.refresh();
    return () => void shown.delete(resource as Resource<unknown>);
  }, [resource]);
  return resource;
}

/** Loads what is shown again where it is out of date: it is known to be, or was not loaded for a while. */
export function refreshShown(isDue: (resource: Resource<unknown>) => boolean): void {
  if (hasEnded.value || document.hidden) return;
  for (const resource of shown) {
    // Calls that only might find something new are saved when few are left: a reader can ask for them by hand.
    if (isDue(resource) && (resource.data.value === null || resource.isOutdated || canSpare())) void resource.load();
  }
}
