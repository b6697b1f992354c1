// A real browser in front of the deployed stack: `make test-pages` sets API_URL, JWT_SECRET and CHROME_PATH.
//
// A test that runs `inBrowser` fails, whatever else it asserts, if the page throws, writes an error to the console, breaks
// its Content-Security-Policy, asks a third party for anything, sets a cookie, or stores a token or a key string.

import assert from 'node:assert/strict';
import { createHmac, randomInt } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { after } from 'node:test';

import axe from 'axe-core';
import { chromium } from 'playwright-core';

const API_URL = setting('API_URL');
const JWT_SECRET = setting('JWT_SECRET');

/** The widths in which every view has to work, and both colour schemes. */
export const VIEWS = [360, 1280].flatMap((width) => ['light', 'dark'].map((colorScheme) => ({ width, colorScheme })));

function setting(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set: \`make test-pages\` sets it`);
  return value;
}

/** The URL of a page or an endpoint, such as `console` or `api/apiKeys`. */
export function url(path) {
  return `${API_URL}/${path}`;
}

/** A user that no other test has. */
export function newUser() {
  return randomInt(1_000_000, 2 ** 48 - 1);
}

/** A token of the local issuer. `seconds` may be negative, for one that has expired. */
export function sign(userId, { role, seconds = 3600 } = {}) {
  const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const claims = { user_id: userId, iat: Math.min(now, now + seconds), exp: now + seconds, ...(role && { role }) };
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${signed}.${createHmac('sha256', JWT_SECRET).update(signed).digest('base64url')}`;
}

/** Calls the API apart from the browser, to prepare what a page shows or to see what a page did. */
export async function call(token, method, path, body) {
  const response = await fetch(url(path), {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text && JSON.parse(text);
}

/** How Chromium is started. */
export const LAUNCH = {
  executablePath: setting('CHROME_PATH'),
  // Chromium's sandbox does not start for root, as whom containers run.
  args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
};

let browser;
after(() => browser?.close());

async function launch() {
  browser ??= await chromium.launch(LAUNCH);
  return browser;
}

/**
 * A test body that gets a window of a profile of its own.
 *
 * @param {object} options `width`, `height`, `colorScheme` and whatever else Playwright's `newContext` takes; `origin`: that of
 * the pages, if it is not the stack's; `expected`: patterns of console errors that the test provokes, such as the one that
 * Chromium writes for each response of 401.
 * @param {(visit: Visit) => Promise<void>} body
 */
export function inBrowser({ width = 1280, height = 800, expected = [], origin = new URL(API_URL).origin, ...options }, body) {
  return async () => {
    const context = await (await launch()).newContext({
      viewport: { width, height },
      // Contrast is measured when nothing moves.
      reducedMotion: 'reduce',
      ...options,
    });
    context.setDefaultTimeout(10_000);
    const visit = new Visit(context, origin);
    try {
      await visit.start();
      await body(visit);
      assert.deepEqual(
        visit.problems.filter((problem) => !expected.some((pattern) => pattern.test(problem))),
        [],
      );
      await visit.assertNothingSecretIsKept();
    } finally {
      await context.close();
    }
  };
}

/** One test's visit of the pages: its window, and what went wrong in any window of its profile. */
class Visit {
  problems = [];
  /** `METHOD path` of every request, below the stage. */
  requests = [];

  constructor(context, origin) {
    this.context = context;
    this.origin = origin;
  }

  async start() {
    const report = (problem) => this.problems.push(problem);
    await this.context.exposeBinding('reportViolation', (_, violation) => report(violation));
    await this.context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI, sourceFile, lineNumber }) => {
        window.reportViolation(`CSP: ${effectiveDirective} blocks ${blockedURI} of ${sourceFile}:${lineNumber}`);
      });
    });
    this.context.on('weberror', (error) => report(`uncaught: ${error.error().stack}`));
    this.context.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) {
        report(`console: ${message.text()} (${message.location().url})`);
      }
    });
    this.context.on('request', (request) => {
      const asked = new URL(request.url());
      if (['data:', 'blob:'].includes(asked.protocol)) return;
      if (asked.origin !== this.origin) report(`third party: ${asked}`);
      this.requests.push(`${request.method()} ${asked.href.replace(API_URL, '').split(/[?#]/)[0]}`);
    });
    this.page = await this.context.newPage();
  }

  /** Opens a page, signed in as the user if there is one: the token is handed over in the fragment. */
  async open(path, { user, role, seconds } = {}) {
    await this.page.goto(url(path) + (user ? `#token=${sign(user, { role, seconds })}` : ''));
    return this.page;
  }

  /** Fails if axe finds a violation of WCAG 2.2 AA or of its best practices in what a window shows. */
  async assertAccessible(page = this.page) {
    await page.evaluate(axe.source);
    const { violations, passes } = await page.evaluate(() =>
      window.axe.run(document, {
        runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
        resultTypes: ['violations'],
      }),
    );
    const found = violations.map(({ id, help, nodes }) => ({
      rule: `${id}: ${help}`,
      where: nodes.map(({ html, failureSummary }) => `${html}\n${failureSummary}`),
    }));
    assert.deepEqual(found, []);
    assert.ok(passes.length > 5, 'axe judged the page');
  }

  /** Fails if the page scrolls sideways. */
  async assertFits(page = this.page) {
    const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(content <= window, `${content} px of content in a window of ${window} px`);
  }

  /** Fails if a cookie, or a token or key string anywhere, would outlive the window. */
  async assertNothingSecretIsKept() {
    const { cookies, origins } = await this.context.storageState({ indexedDB: true });
    assert.deepEqual(cookies, []);
    const sessions = await Promise.all(this.context.pages().map((page) => page.evaluate(() => ({ ...sessionStorage }))));
    assert.doesNotMatch(JSON.stringify([origins, sessions]), /eyJ|nux_(live|test)_[0-9A-Za-z]{56}/);
  }

  /** Keeps a picture for people in .local/pages, named after the test. */
  async screenshot(name, { page = this.page, ...options } = {}) {
    const folder = new URL('../../.local/pages/', import.meta.url).pathname;
    mkdirSync(folder, { recursive: true });
    await page.screenshot({ path: `${folder}${name}.png`, ...options });
  }
}
