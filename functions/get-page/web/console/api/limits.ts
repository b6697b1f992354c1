// What is left of the caller's rate limits, as each response says (draft-ietf-httpapi-ratelimit-headers).

import { signal } from '@preact/signals';

import { serverTime } from '../clock.ts';

export interface Allowance {
  /** Calls per minute, and those that are left. */
  quota: number;
  left: number;
  /** When the minute ends, in ms since 1970 by the server's clock. */
  resetsAt: number;
  /** Calls that are left of the hour. */
  leftOfHour: number;
}

/** Null until the first response. */
export const allowance = signal<Allowance | null>(null);

/** Whether enough is left to spend calls that nobody asked for. */
export function canSpare(): boolean {
  const { value } = allowance;
  if (!value || value.resetsAt <= serverTime()) return true;
  return value.left > value.quota / 4 && value.leftOfHour > 50;
}

export function noteAllowance(headers: Headers): void {
  const quota = /"minute";q=(\d+)/.exec(headers.get('ratelimit-policy') ?? '')?.[1];
  const limits = headers.get('ratelimit') ?? '';
  const minute = /"minute";r=(\d+);t=(\d+)/.exec(limits);
  const hour = /"hour";r=(\d+)/.exec(limits)?.[1];
  if (!quota || !minute || !hour) return;
  allowance.value = {
    quota: Number(quota),
    left: Number(minute[1]),
    resetsAt: serverTime() + Number(minute[2]) * 1000,
    leftOfHour: Number(hour),
  };
}
