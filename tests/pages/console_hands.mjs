// Two pairs of hands for the same actions: one has a mouse, the other nothing but a keyboard.

import assert from 'node:assert/strict';

/** With a pointer, and the keyboard for text alone. */
export const mouse = {
  name: 'by mouse',
  press: (target) => target.click(),
  async fill(target, text) {
    await target.click();
    await target.fill(text);
  },
  date: (target, { year, month, day }) => target.fill(`${year}-${month}-${day}`),
  choose: (target) => target.locator('xpath=ancestor-or-self::label').click(),
  select: (target, label) => target.selectOption({ label }),
  tab: (target) => target.click(),
  async pick(page, item) {
    await page.getByRole('menuitem', { name: item }).click();
  },
};

/** The element that has the focus is reached by Tab, as a person without a mouse reaches it. */
async function reach(target) {
  const page = target.page();
  await target.waitFor();
  for (let steps = 0; steps < 120; steps += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`Tab does not reach ${target}`);
}

export const keyboard = {
  name: 'by keyboard',
  async press(target) {
    await reach(target);
    await target.page().keyboard.press('Enter');
  },
  async fill(target, text) {
    await reach(target);
    await target.page().keyboard.press('ControlOrMeta+a');
    await target.page().keyboard.type(text);
  },
  /** Into the parts of a date, as the browser's language, English of the USA, has them. */
  async date(target, { year, month, day }) {
    await reach(target);
    await target.page().keyboard.type(`${month}${day}${year}`);
  },
  /** The first letters lead to an option. */
  async select(target, label) {
    await reach(target);
    await target.page().keyboard.type(label);
  },
  /** Tab reaches the tab that is chosen, and the arrows the others. */
  async tab(target) {
    const page = target.page();
    await reach(page.getByRole('tab', { selected: true }));
    for (let steps = 0; steps < 3 && (await target.getAttribute('aria-selected')) !== 'true'; steps += 1) await page.keyboard.press('ArrowRight');
    assert.ok(await target.evaluate((element) => element === document.activeElement), `the arrows do not reach ${target}`);
  },
  /** Tab reaches the checked option of a group, and the arrows the others. */
  async choose(target) {
    const page = target.page();
    const group = target.locator('xpath=ancestor::fieldset');
    await reach(group.getByRole('radio', { checked: true }));
    for (let steps = 0; steps < 10 && !(await target.isChecked()); steps += 1) await page.keyboard.press('ArrowRight');
    assert.ok(await target.isChecked(), `the arrows do not reach ${target}`);
  },
  /** The first letters lead to an item. */
  async pick(page, item) {
    const target = page.getByRole('menuitem', { name: item });
    for (let steps = 0; steps < 10; steps += 1) {
      if (await target.evaluate((element) => element === document.activeElement)) break;
      await page.keyboard.press('ArrowDown');
    }
    await page.keyboard.press('Enter');
  },
};

export const HANDS = [mouse, keyboard];
