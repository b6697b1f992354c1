// The API, typed by its contract. A call that needs a new token waits for it, and then goes on.

import createClient from 'openapi-fetch';

import { noteDate } from '../clock.ts';
import { bearer, expire } from '../state/session.ts';
import type { components, paths } from './contract.ts';
import { Failure, failureOf } from './failure.ts';
import { noteAllowance } from './limits.ts';

type Schemas = components['schemas'];
export type ApiKey = Schemas['ApiKey'];
export type KeyType = Schemas['KeyType'];
export type KeyStatus = Schemas['Status'];
export type Usage = Schemas['Usage'];
export type AuditEntry = Schemas['AuditEntry'];
export type NewKey = Schemas['CreateKey'];
export type KeyChanges = Schemas['UpdateKey'];
export type Format = Schemas['Format'];

const TIMEOUT = 30_000;

/** The stage or domain that this page came from. */
export const API_URL = new URL('.', document.baseURI).href.replace(/\/$/, '');

const client = createClient<paths>({ baseUrl: API_URL, fetch: send });

interface Answer<T> {
  data: T;
  headers: Headers;
}

/** Sends with the token of the session. A 401 changed nothing, so the same is sent with the token that replaces the refused one. */
async function send(request: Request): Promise<Response> {
  for (;;) {
    const token = await bearer();
    const response = await sendOnce(request.clone(), token);
    if (response.status !== 401) return response;
    expire(token, refusalOf(response.headers));
  }
}

/** The reason for which a token is refused (RFC 6750), unless it has expired. API Gateway renames the header. */
function refusalOf(headers: Headers): string | null {
  const header = headers.get('x-amzn-remapped-www-authenticate') ?? headers.get('www-authenticate') ?? '';
  const reason = /error_description="([^"]+)"/.exec(header)?.[1] ?? null;
  return reason === 'The token has expired' ? null : reason;
}

async function sendOnce(request: Request, token: string): Promise<Response> {
  request.headers.set('authorization', `Bearer ${token}`);
  let response: Response;
  try {
    response = await fetch(request, { signal: AbortSignal.timeout(TIMEOUT) });
  } catch (error) {
    throw new Failure((error as Error).name === 'TimeoutError' ? 'timeout' : 'offline');
  }
  noteDate(response.headers);
  noteAllowance(response.headers);
  return response;
}

interface Outcome<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The data of a 2xx; whatever else comes is thrown as a `Failure`. */
async function settle<T>(outcome: Promise<Outcome<T>>): Promise<Answer<T>> {
  const { data, error, response } = await outcome.catch((error: unknown): never => {
    // The body broke off, or was no JSON.
    throw error instanceof Failure ? error : new Failure('offline');
  });
  if (!response.ok || data === undefined) throw failureOf(response, error);
  return { data, headers: response.headers };
}

/** The cursor of the page that a `Link` header leads to. */
function nextCursor(headers: Headers): string | null {
  const next = /<([^>]+)>; *rel="next"/.exec(headers.get('link') ?? '')?.[1];
  return next ? new URL(next, API_URL).searchParams.get('cursor') : null;
}

/** All entries of a list that comes in pages of 1,000. */
async function all<T>(page: (cursor: string | null) => Promise<Answer<T[]>>): Promise<T[]> {
  const entries: T[] = [];
  for (let cursor: string | null = null; ; ) {
    const { data, headers } = await page(cursor);
    entries.push(...data);
    cursor = nextCursor(headers);
    if (!cursor) return entries;
  }
}

const query = (cursor: string | null) => (cursor ? { cursor } : {});
const path = (id: number) => ({ params: { path: { id } } });
const data = <T>({ data }: Answer<T>): T => data;

export const listKeys = () =>
  all((cursor) => settle(client.GET('/api/apiKeys', { params: { query: query(cursor) } })));

export const listUserKeys = (userId: number) =>
  all((cursor) =>
    settle(
      client.GET('/api/apiKeys/userKeys/{user_id}', { params: { path: { user_id: userId }, query: query(cursor) } }),
    ),
  );

export const getKey = (id: number) => settle(client.GET('/api/apiKeys/{id}', path(id))).then(data);

/** The key of a string, whoever's it is; for administrators. */
export const lookUpKey = (key: string) => settle(client.POST('/api/apiKeys/lookup', { body: { key } })).then(data);

export const getUsage = (id: number) => settle(client.GET('/api/apiKeys/{id}/usage', path(id))).then(data);

/** A page of the trail, newest first. */
export async function listAudit(id: number, cursor: string | null) {
  const params = { path: { id }, query: { limit: 50, ...query(cursor) } };
  const { data, headers } = await settle(client.GET('/api/apiKeys/{id}/audit', { params }));
  return { entries: data, next: nextCursor(headers) };
}

/** A repeat with the same `attempt` gets the key of the first request, and makes no second one. */
export const createKey = (body: NewKey, attempt: string) =>
  settle(client.POST('/api/apiKeys', { params: { header: { 'Idempotency-Key': attempt } }, body })).then(
    // The message says that it was created, and is no part of the key.
    ({ data: { message: _, ...key } }): ApiKey => key,
  );

export const updateKey = (id: number, body: KeyChanges) =>
  settle(client.PUT('/api/apiKeys/{id}', { ...path(id), body })).then(data);

export const pauseKey = (id: number) => settle(client.PATCH('/api/apiKeys/{id}/pause', path(id))).then(data);

export const resumeKey = (id: number) => settle(client.PATCH('/api/apiKeys/{id}/resume', path(id))).then(data);

export const setDefault = (id: number) =>
  settle(client.PATCH('/api/apiKeys/setDefault', { body: { id } })).then(data);

export const removeDefault = (id: number) =>
  settle(client.PATCH('/api/apiKeys/removeDefault', { body: { id } })).then(data);

/** A repeat with the same `attempt` gets the string of the first request, and makes no third one. */
export const rotateKey = (id: number, grace: number, attempt: string) =>
  settle(
    client.POST('/api/apiKeys/{id}/rotate', {
      params: { path: { id }, header: { 'Idempotency-Key': attempt } },
      body: { grace_period_seconds: grace },
    }),
  ).then(data);

export const deleteKey = (id: number) => settle(client.DELETE('/api/apiKeys/{id}', path(id)));

/** The key as the API writes it in a format. */
export async function getKeyAs(id: number, format: Format): Promise<string> {
  const headers = { 'X-Request-Format': format, 'X-Response-Format': format };
  const { data } = await settle(client.GET('/api/apiKeys/{id}', { ...path(id), headers, parseAs: 'text' }));
  return data;
}
