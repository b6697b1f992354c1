// A call that did not do what it should, and what to do about it.

import { serverTime } from '../clock.ts';

export type FailureKind =
  | 'offline'
  | 'timeout'
  | 'signed-out'
  | 'invalid'
  | 'forbidden'
  | 'missing'
  | 'conflict'
  | 'limited'
  | 'unavailable'
  | 'failed';

interface Detail {
  field: string;
  message: string;
}

export class Failure extends Error {
  readonly kind: FailureKind;
  /** By field, for 400. */
  readonly details: readonly Detail[];
  /** When a repeat makes sense, in ms since 1970 by the server's clock. */
  readonly retryAt: number | null;
  /** Names the call to support. */
  readonly requestId: string | null;

  constructor(kind: FailureKind, message = '', { details = [], retryAt = null, requestId = null }: Partial<Failure> = {}) {
    super(message);
    this.kind = kind;
    this.details = details;
    this.retryAt = retryAt;
    this.requestId = requestId;
  }

  /** Whether it may have happened all the same. */
  get isUncertain(): boolean {
    return ['offline', 'timeout', 'unavailable', 'failed'].includes(this.kind);
  }

  /** What was wrong with a field. */
  of(field: string): string | undefined {
    return this.details.find((detail) => detail.field === field)?.message;
  }
}

/** The names of fields at the start of what is wrong with them. */
const NAMES: Record<string, string> = { name: 'The name', expiry_at: 'The expiry', type: 'The type', status: 'The status' };

const sentence = ({ field, message }: Detail): Detail => ({
  field,
  message: `${message.startsWith(`${field} `) ? message.replace(field, NAMES[field] ?? field) : message}.`,
});

/** The failure that a response other than 2xx tells of. */
export function failureOf(response: Response, body: unknown): Failure {
  const { error = '', details = [] } = (body ?? {}) as { error?: string; details?: Detail[] };
  const seconds = Number(response.headers.get('retry-after')) || null;
  return new Failure(kindOf(response.status), error, {
    details: details.map(sentence),
    retryAt: seconds && serverTime() + seconds * 1000,
    requestId: response.headers.get('x-request-id'),
  });
}

function kindOf(status: number): FailureKind {
  switch (status) {
    case 400:
    case 413:
      return 'invalid';
    case 401:
      return 'signed-out';
    case 403:
      return 'forbidden';
    case 404:
      return 'missing';
    case 409:
      return 'conflict';
    case 429:
      return 'limited';
    case 502:
    case 503:
    case 504:
      return 'unavailable';
    default:
      return 'failed';
  }
}

/** A heading, and a sentence on what to do. */
export function advice({ kind, message, requestId }: Failure): { title: string; text: string } {
  switch (kind) {
    case 'offline':
      return { title: 'No connection', text: 'Nothing that you typed is lost. Check your network, then try again.' };
    case 'timeout':
      return { title: 'No answer within 30 seconds', text: 'Nothing that you typed is lost. Try again.' };
    case 'signed-out':
      return { title: 'You are signed out', text: 'Sign in again to go on. Nothing that you typed is lost.' };
    case 'invalid':
      return { title: 'Some of this cannot be accepted', text: 'Correct what is marked, then try again.' };
    case 'forbidden':
      return { title: 'Not allowed', text: 'Only administrators may see this. Sign in as one, or ask one.' };
    case 'missing':
      return { title: 'This key is gone', text: 'It was deleted, perhaps in another window, or it belongs to someone else.' };
    case 'conflict':
      return conflict(message);
    case 'limited':
      return { title: 'Too many calls', text: 'Your programs and this console share a limit. It starts anew every minute and every hour.' };
    case 'unavailable':
      return { title: 'The service is busy', text: 'It is usually back within seconds. Try again.' };
    case 'failed':
      return {
        title: 'Something went wrong on our side',
        text: `Try again. If it happens again, ask support${requestId ? `, and name request ${requestId}` : ''}.`,
      };
  }
}

function conflict(message: string): { title: string; text: string } {
  switch (message) {
    case 'API Key is expired':
      return { title: 'This key has expired', text: 'Expired keys can be renamed and deleted only. Create a new one instead.' };
    case 'API Key limit reached':
      return { title: 'You have reached the limit of keys', text: 'Delete one that is no longer used, then try again.' };
    default:
      return { title: 'The key has changed in the meantime', text: 'Load it again, look at its state, then try again.' };
  }
}
