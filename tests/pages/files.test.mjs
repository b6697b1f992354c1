// What is sent: status, headers and bodies, as any client gets them.

import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';

import { url } from './rig.mjs';

const PAGES = ['console', 'docs'];
const DOCUMENTS = ['openapi.yaml', 'openapi.json', 'clients/openapi.json', 'clients/openapi-3.0.json', 'clients/postman_collection.json'];

/** Sends exactly these headers, and decodes nothing. */
function send(path, { method = 'GET', headers = {} } = {}) {
  return new Promise((resolve, reject) => {
    const sent = request(url(path), { method, headers }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }));
    });
    sent.on('error', reject).end();
  });
}

/** Every file that pages load, also those that their scripts load later. */
async function assets() {
  const found = new Set();
  const search = (text) => {
    for (const [name] of text.matchAll(/[\w-]+-[\w-]{8}\.(js|css|svg)\b/g)) found.add(name);
  };
  for (const page of PAGES) search(String((await send(page)).body));
  for (const name of found) search(String((await send(`assets/${name}`)).body));
  return [...found].map((name) => `assets/${name}`);
}

for (const page of PAGES) test(`${page} may run its own scripts and call its own API, and nothing else`, async () => {
  const { status, headers } = await send(page);
  assert.equal(status, 200);
  const policy = Object.fromEntries(
    headers['content-security-policy'].split('; ').map((directive) => [directive.split(' ')[0], directive.split(' ').slice(1)]),
  );
  assert.deepEqual(policy, {
    'default-src': ["'none'"],
    'script-src': ["'self'"],
    'style-src': ["'self'"],
    'img-src': ["'self'", 'data:'],
    'font-src': ["'self'"],
    'connect-src': ["'self'"],
    'base-uri': ["'none'"],
    'form-action': ["'none'"],
    'frame-ancestors': ["'none'"],
  });
  for (const [name, value] of Object.entries({
    'cache-control': 'no-cache',
    'content-type': 'text/html; charset=utf-8',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'strict-transport-security': 'max-age=31536000',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  })) {
    assert.equal(headers[name], value, name);
  }
  assert.match(headers['permissions-policy'], /camera=\(\).*geolocation=\(\).*microphone=\(\)/);
  assert.equal(headers['set-cookie'], undefined);
});

test('a page is asked for each time, its files once, documents every hour', async () => {
  const files = await assets();
  assert.ok(files.length >= 5, String(files));
  const expected = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
  for (const file of files) {
    const { status, headers } = await send(file);
    assert.deepEqual([status, headers['cache-control']], [200, 'public, max-age=31536000, immutable'], file);
    assert.equal(headers['content-type'], `${expected[/\.\w+$/.exec(file)[0]]}; charset=utf-8`, file);
  }
  for (const document of DOCUMENTS) {
    const { status, headers } = await send(document);
    assert.deepEqual([status, headers['cache-control']], [200, 'public, max-age=3600'], document);
    assert.match(headers['content-type'], /^application\/(json|yaml); charset=utf-8$/);
  }
});

test('a client that has it is not sent it again', async () => {
  for (const path of [...PAGES, ...(await assets()), ...DOCUMENTS]) {
    const first = await send(path);
    assert.match(first.headers.etag, /^W\/"[0-9a-f]+-[0-9a-f]{8}"$/, path);
    const again = await send(path, { headers: { 'if-none-match': first.headers.etag } });
    assert.deepEqual([again.status, again.body.length], [304, 0], path);
    assert.equal(again.headers.etag, first.headers.etag);
    assert.equal(again.headers['cache-control'], first.headers['cache-control']);
    assert.equal((await send(path, { headers: { 'if-none-match': '"other"' } })).status, 200, path);
  }
});

test('HEAD has the same headers and no body', async () => {
  for (const path of [...PAGES, ...(await assets()), ...DOCUMENTS, 'console/settings.json', 'assets/nothing.js', 'console/', 'docs/']) {
    const [got, asked] = [await send(path), await send(path, { method: 'HEAD' })];
    assert.deepEqual([asked.status, asked.body.length], [got.status, 0], path);
    for (const name of ['content-type', 'cache-control', 'etag', 'content-security-policy', 'location']) {
      assert.equal(asked.headers[name], got.headers[name], `${path}: ${name}`);
    }
  }
});

test('texts are compressed for clients that take it, and for no others', async () => {
  for (const path of [...PAGES, ...(await assets()), ...DOCUMENTS]) {
    const plain = await send(path);
    assert.equal(plain.headers['content-encoding'], undefined, path);
    assert.match(plain.headers.vary, /Accept-Encoding/);
    const refused = await send(path, { headers: { 'accept-encoding': 'gzip;q=0, identity' } });
    assert.equal(refused.headers['content-encoding'], undefined, path);
    const compressed = await send(path, { headers: { 'accept-encoding': 'gzip, deflate, br, zstd' } });
    if (plain.body.length < 1024) {
      assert.deepEqual(compressed.body, plain.body, path);
      continue;
    }
    assert.equal(compressed.headers['content-encoding'], 'gzip', path);
    assert.equal(Number(compressed.headers['content-length'] ?? compressed.body.length), compressed.body.length, path);
    assert.deepEqual(gunzipSync(compressed.body), plain.body, path);
    assert.ok(compressed.body.length < 0.7 * plain.body.length, `${path}: ${compressed.body.length} of ${plain.body.length} bytes`);
    assert.equal(compressed.headers.etag, plain.headers.etag, path);
  }
});

test('a slash too many leads to the page, and a wrong name nowhere', async () => {
  for (const page of PAGES) {
    const moved = await send(`${page}/`);
    assert.equal(moved.status, 308);
    assert.equal(new URL(moved.headers.location, url(`${page}/`)).href, url(page));
  }
  for (const path of ['assets/nothing.js', 'assets/..%2fdocs.html', 'clients/nothing.json', 'docs/nothing', 'docs.html']) {
    const { status, body } = await send(path);
    assert.deepEqual([status, String(body)], [404, '{"error":"Not found"}'], path);
  }
});

test('the published contract names the deployment that it comes from', async () => {
  for (const path of DOCUMENTS.filter((path) => /openapi[\w.-]*\.json$/.test(path))) {
    const { servers } = JSON.parse((await send(path)).body);
    assert.equal(servers.length, 1);
    assert.equal(new URL(servers[0].url, url(path)).href.replace(/\/$/, ''), url('').replace(/\/$/, ''), path);
  }
});
