// Who is signed in. The token is in memory alone, and goes to no place but this deployment's API and its other windows.

import { batch, computed, effect, signal } from '@preact/signals';

import { Failure } from '../api/failure.ts';
import { now, serverTime } from '../clock.ts';

export interface Session {
  token: string;
  /** Tells users apart. */
  subject: string;
  /** Null where the deployment takes it from a claim that is not known here. */
  userId: number | null;
  isAdmin: boolean;
  /** In ms since 1970. */
  expiresAt: number;
}

/** The session, which stays when it has ended: what is shown is still this user's. */
export const session = signal<Session | null>(null);

/** Whether a new token is needed before the next call. */
export const hasEnded = signal(false);

/** Why the API refuses the token; null for one that has expired. */
export const refusal = signal<string | null>(null);

/** Whether the question for a new token was put off. */
export const isPutOff = signal(false);

/** Whether the question is to be put. */
export const asksAgain = computed(() => session.value !== null && hasEnded.value && !isPutOff.value);

/** Calls that wait for a token. */
let waiting: { resolve: (token: string) => void; reject: (failure: Failure) => void }[] = [];

/** The token to call with, as soon as there is one. */
export function bearer(): Promise<string> {
  if (session.value && !hasEnded.value) return Promise.resolve(session.value.token);
  isPutOff.value = false;
  return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
}

/** Ends the session of a token that has expired or that the API refuses: one that has replaced it goes on. */
export function expire(token: string, why: string | null = null): void {
  if (session.value?.token !== token || hasEnded.value) return;
  batch(() => {
    hasEnded.value = true;
    refusal.value = why;
  });
}

/** Goes on without a token: what waits for one fails, and can be repeated later. */
export function putOff(): void {
  isPutOff.value = true;
  for (const { reject } of waiting.splice(0)) reject(new Failure('signed-out'));
}

/** Begins a session, or goes on with it. Says why a token cannot be one, and null if it can. */
export function signIn(token: string): string | null {
  const next = read(token.trim());
  if (typeof next === 'string') return next;
  const isSameUser = session.value?.subject === next.subject;
  batch(() => {
    session.value = next;
    hasEnded.value = false;
    refusal.value = null;
    isPutOff.value = false;
  });
  for (const { resolve, reject } of waiting.splice(0)) {
    // What another user asked for is not done in the name of this one.
    if (isSameUser) resolve(next.token);
    else reject(new Failure('signed-out'));
  }
  return null;
}

export function signOut(): void {
  putOff();
  session.value = null;
  hasEnded.value = false;
  refusal.value = null;
  isPutOff.value = false;
}

/** What a token says, unverified: the API judges it. A text says why there is nothing to judge. */
function read(token: string): Session | string {
  const payload = /^[\w-]+\.([\w-]+)\.[\w-]+$/.exec(token)?.[1];
  const claims = payload && decode(payload);
  if (!claims) return 'This is no token: a token has three parts with dots between them. Copy it whole.';
  const subject = String(claims['user_id'] ?? claims['userId'] ?? claims['id'] ?? claims['sub'] ?? token);
  const userId = /^[1-9]\d{0,15}$/.test(subject) ? Number(subject) : null;
  const expiresAt = Number(claims.exp) * 1000;
  if (!(expiresAt > serverTime())) return 'This token has expired. Get a new one.';
  // It only adds a link. The claim with the roles is the deployment's choice.
  const isAdmin = JSON.stringify(claims).includes('"admin"');
  return { token, subject, userId, isAdmin, expiresAt };
}

function decode(payload: string): Record<string, unknown> | null {
  try {
    const bytes = Uint8Array.from(atob(payload.replace(/-/g, '+').replace(/_/g, '/')), (char) => char.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}

// The clock ends a session without a call that is refused.
effect(() => {
  if (session.value && now.value >= session.value.expiresAt) expire(session.value.token);
});
