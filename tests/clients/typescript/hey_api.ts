// What a client of Hey API does with keys of its own, also when it is refused.

import assert from 'node:assert/strict';

import { createClient } from './nuxera/client/index.js';
import { createKey, getKey, listAudit, listKeys, pauseKey, verifyKey } from './nuxera/index.js';

const { API_URL, TOKEN, SERVICE_TOKEN } = process.env;
const client = createClient({ baseUrl: API_URL!, auth: TOKEN });
const service = createClient({ baseUrl: API_URL!, auth: SERVICE_TOKEN });

async function create(name: string) {
  const { data, error } = await createKey({ client, body: { name, type: 'live', status: 'active', expiry_at: null } });
  assert.ok(data, error?.error);
  return data;
}

async function namesInPages(limit: number) {
  const pages: string[][] = [];
  let cursor: string | undefined;
  do {
    const { data, error, response } = await listKeys({ client, query: { limit, cursor } });
    assert.ok(data, error?.error);
    pages.push(data.map((key) => key.name));
    cursor = response?.headers.get('link')?.match(/cursor=([^>&]+)/)?.[1];
  } while (cursor);
  return pages;
}

const created = await create('first');
assert.match(created.key, /^nux_live_[0-9A-Za-z]{56}$/);
assert.deepEqual([created.message, created.expiry_at, created.usage_count], ['API Key created', null, 0]);
const path = { id: created.id };
const read = await getKey({ client, path });
assert.equal(read.data?.key, created.key);

for (const name of ['second', 'third', 'fourth', 'fifth']) await create(name);
assert.deepEqual(await namesInPages(2), [['first', 'second'], ['third', 'fourth'], ['fifth']]);

const verify = () => verifyKey({ client: service, body: { key: created.key } });
const valid = await verify();
assert.ok(valid.data?.valid === true && valid.data.id === created.id);
const paused = await pauseKey({ client, path });
assert.equal(paused.data?.status, 'paused');
const refused = await verify();
assert.ok(refused.data?.valid === false && refused.data.reason === 'paused');

const trail = await listAudit({ client, path });
assert.deepEqual(trail.data?.map((entry) => entry.action), ['pause', 'create']);
assert.deepEqual(trail.data?.[0]?.changes['status'], { from: 'active', to: 'paused' });

const late = { name: 'late', type: 'live', status: 'active', expiry_at: '2020-01-01T00:00:00Z' } as const;
const wrong = await createKey({ client, body: late });
assert.equal(wrong.response?.status, 400);
assert.deepEqual(wrong.error?.details, [{ field: 'expiry_at', message: 'expiry_at must be in the future' }]);

for (let call = 0; ; call += 1) {
  assert.ok(call < 200, 'no call was refused');
  const { error, response } = await listKeys({ client, query: { limit: 1 } });
  if (response?.status === 429) {
    assert.equal(error?.error, 'Rate limit exceeded');
    assert.ok(Number(response.headers.get('retry-after')) > 0);
    break;
  }
}
