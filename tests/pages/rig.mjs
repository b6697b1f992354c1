// A real browser in front of the deployed stack: `make test-pages` sets API_URL, JWT_SECRET and CHROME_PATH.
//
// A test that runs `inBrowser` fails, whatever else it asserts, if the page throws, writes an error to the console, breaks
// its Content-Security-Policy, asks a third party for anything, sets a cookie, or stores a token or a key string.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac, randomInt } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { after } from 'node:test';

import axe from 'axe-core';
import { chromium } from 'playwright-core';

const API_URL = setting('API_URL');
const JWT_SECRET = setting('JWT_SECRET');

/** The widths in which every view has to work. */
export const WIDTHS = [360, 1280];

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

/** Gives the stored record of a key other attributes, for a past that no call can make. Times are in seconds since 1970. */
export function rewrite({ user_id, id }, attributes) {
  const script = new URL('rewrite_key.py', import.meta.url).pathname;
  execFileSync('python', [script, String(user_id), String(id), JSON.stringify(attributes)]);
}

/** The link to a page, as `make local` prints it. */
export function printed(page) {
  const print = 'import os, local_aws; print(local_aws.banner(os.environ))';
  const banner = execFileSync('python', ['-c', print], { cwd: new URL('../../local', import.meta.url), encoding: 'utf8' });
  const link = new RegExp(`http\\S+/${page}#token=\\S+`).exec(banner);
  return link?.[0] ?? assert.fail(banner);
}

/** How Chromium is started. */
export const LAUNCH = {
  executablePath: setting('CHROME_PATH'),
  // Chromium's sandbox does not start for root, as whom containers run.
  args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
};

/** Which rules axe judges by, and which of them depend on the color scheme. */
const AXE_TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const AXE_RULES_OF_COLORS = ['color-contrast', 'link-in-text-block'];

/** Waits for the new colors, which controls may fade to. */
async function setColors(page, colorScheme) {
  await page.emulateMedia({ colorScheme });
  await page.evaluate(async () => {
    for (;;) {
      await new Promise(requestAnimationFrame);
      const fading = document.getAnimations().filter((animation) => animation instanceof CSSTransition);
      if (fading.length === 0) return;
      await Promise.allSettled(fading.map(({ finished }) => finished));
    }
  });
}

let browser;
after(() => browser?.close());

async function launch() {
  browser ??= await chromium.launch(LAUNCH);
  return browser;
}

/**
 * A test body that gets a window of a profile of its own.
 *
 * @param {object} options `width`, `height` and whatever else Playwright's `newContext` takes; `origins`: of the pages, if they
 * are not the stack's alone; `expected`: patterns of console errors that the test provokes, such as the one that Chromium writes
 * for each response of 401.
 * @param {(visit: Visit) => Promise<void>} body
 */
export function inBrowser({ width = 1280, height = 800, expected = [], origins = [new URL(API_URL).origin], ...options }, body) {
  return async () => {
    const context = await (await launch()).newContext({
      viewport: { width, height },
      // Contrast is measured when nothing moves.
      reducedMotion: 'reduce',
      ...options,
    });
    context.setDefaultTimeout(10_000);
    const visit = new Visit(context, origins);
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

  constructor(context, origins) {
    this.context = context;
    this.origins = origins;
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
      if (!this.origins.includes(asked.origin)) report(`third party: ${asked}`);
      this.requests.push(`${request.method()} ${asked.href.replace(API_URL, '').split(/[?#]/)[0]}`);
    });
    this.page = await this.context.newPage();
  }

  /** Opens a page, signed in as the user if there is one: the token is handed over in the fragment. */
  async open(path, { user, role, seconds } = {}) {
    await this.page.goto(url(path) + (user ? `#token=${sign(user, { role, seconds })}` : ''));
    return this.page;
  }

  /** Fails if axe finds a violation of WCAG 2.2 AA or of its best practices in what the window shows. */
  async assertAccessible(colorSchemes = ['dark', 'light']) {
    const { page } = this;
    if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe.source);
    const found = [];
    for (const [index, colorScheme] of colorSchemes.entries()) {
      await setColors(page, colorScheme);
      const runOnly = index === 0 ? AXE_TAGS : AXE_RULES_OF_COLORS;
      const { violations, passes } = await page.evaluate((runOnly) => window.axe.run(document, { runOnly, resultTypes: ['violations'] }), runOnly);
      assert.ok(passes.length >= (index === 0 ? 6 : 1), 'axe judged the page');
      for (const { id, help, nodes } of violations) {
        found.push({ rule: `${id}, ${colorScheme}: ${help}`, where: nodes.map(({ html, failureSummary }) => `${html}\n${failureSummary}`) });
      }
    }
    assert.deepEqual(found, []);
  }

  /** Fails if the page scrolls sideways. */
  async assertFits(page = this.page) {
    const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(content <= window, `${content} px of content in a window of ${window} px`);
  }

  /** Fails if a part of an element is out of sight, in the window or in an area that scrolls. */
  async assertInView(target) {
    const ratio = await target.evaluate(
      (element) => new Promise((seen) => new IntersectionObserver(([{ intersectionRatio }]) => seen(intersectionRatio)).observe(element)),
    );
    assert.equal(ratio, 1, `${ratio} of ${target} is in view`);
  }

  /** Fails if a cookie, or a token or key string anywhere, would outlive the window. */
  async assertNothingSecretIsKept() {
    const { cookies, origins } = await this.context.storageState({ indexedDB: true });
    assert.deepEqual(cookies, []);
    const sessions = await Promise.all(this.context.pages().map((page) => page.evaluate(() => ({ ...sessionStorage }))));
    assert.doesNotMatch(JSON.stringify([origins, sessions]), /eyJ|nux_(live|test)_[0-9A-Za-z]{56}/);
  }

  /** Keeps pictures for people in .local/pages, named after the test, its width and the color scheme. */
  async screenshot(name, page = this.page) {
    const folder = new URL('../../.local/pages/', import.meta.url).pathname;
    mkdirSync(folder, { recursive: true });
    for (const colorScheme of ['dark', 'light']) {
      await setColors(page, colorScheme);
      await page.screenshot({ path: `${folder}${name}-${page.viewportSize().width}-${colorScheme}.png` });
    }
  }
}
