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
  choose: (target) => target.locator('xpath=ancestor-or-self::label').click(),
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
