// What a reader does with the page, and what must come of it.
import assert from "node:assert/strict";

/** The page's count of what the filters leave. */
export const left = async (page, suite) => Number(/^\d+/.exec(await page.locator(`${suite} .count-line`).textContent())[0]);

/** Types into the search, and waits until the list has followed. */
export async function search(page, suite, text, count) {
  await page.locator(`${suite} .search input`).fill(text);
  const follows = ([suite, count]) => parseInt(document.querySelector(`${suite} .count-line`).textContent) === count;
  await page.waitForFunction(follows, [suite, count], { timeout: 5000 }).catch(async () => {
    assert.equal(await left(page, suite), count, `cases with "${text}"`);
  });
}

/** Shows all cases again. */
export async function clear(page, suite) {
  const button = page.locator(`${suite} .clear`);
  if (await button.isVisible()) await button.click();
}

/** The confusion matrix and every filter leave the cases that they name. */
export async function filters(page, suite) {
  const all = await left(page, suite);
  const rows = page.locator(`${suite} .case`);
  const cells = page.locator(`${suite} .matrix td.wrong button`);
  for (let n = 0; n < (await cells.count()); n += 1) {
    const cell = cells.nth(n);
    await cell.click();
    assert.equal(await left(page, suite), Number(await cell.textContent()), "a cell counts its cases");
    assert.equal(await cell.getAttribute("aria-pressed"), "true");
    assert.equal(await rows.locator(".sign.good").count(), 0, "a wrong label is no good sign");
  }
  await clear(page, suite);
  assert.equal(await left(page, suite), all);
  for (const choice of await page.locator(`${suite} .choice label`).all()) {
    const count = Number(/\d+$/.exec(await choice.textContent())[0]);
    await choice.click();
    assert.equal(await left(page, suite), count, await choice.textContent());
  }
  await page.locator(`${suite} .choice label`).first().click();
  for (const select of await page.locator(`${suite} .filters select`).all()) {
    let sum = 0;
    const options = await select.locator("option").count();
    const ofTags = (await select.locator("xpath=..").textContent()).startsWith("Tag");
    for (let n = 1; n < options; n += 1) {
      await select.selectOption({ index: n });
      sum += await left(page, suite);
    }
    if (!ofTags) assert.equal(sum, all, "each case is under one of the options");
    await select.selectOption({ index: 0 });
  }
  await search(page, suite, "no such thing anywhere", 0);
  assert.ok(await page.locator(`${suite} .empty`).isVisible(), "an empty list says so");
  await clear(page, suite);
  assert.equal(await left(page, suite), all);
}

/** Opens the n-th case that is listed, and gives its body. */
export async function openCase(page, suite, n = 0) {
  const item = page.locator(`${suite} .case`).nth(n);
  await item.locator(".case-head").click();
  assert.equal(await item.locator(".case-head").getAttribute("aria-expanded"), "true");
  assert.ok((await page.evaluate(() => location.hash)).startsWith(`${suite}/`), "the address leads to the case");
  return item.locator(".case-body");
}

/** The plots answer the pointer and the keys. */
export async function plots(page, suite) {
  const [first, second] = [0, 1].map((n) => page.locator(`${suite} .plot`).nth(n));
  await first.scrollIntoViewIfNeeded();
  await first.hover({ position: { x: 300, y: 100 } });
  assert.match(await page.locator(`${suite} .readout`).first().textContent(), /answers? with a confidence of/);
  await second.focus();
  await page.keyboard.press("ArrowLeft");
  assert.match(await page.locator(`${suite} .readout`).nth(1).textContent(), /from a confidence of .* decided/);
}

/** Each tab by its key, and one panel at a time. */
export async function tabs(page) {
  const names = await page.locator("[role=tab]").evaluateAll((tabs) => tabs.map((tab) => [tab.id, tab.getAttribute("aria-controls")]));
  await page.locator(`#${names[0][0]}`).click();
  for (const [n, [tab, panel]] of names.entries()) {
    if (n) await page.keyboard.press("ArrowRight");
    else await page.keyboard.press("Home");
    assert.equal(await page.evaluate(() => document.activeElement.id), tab);
    assert.deepEqual(await page.locator(".panel:visible").evaluateAll((panels) => panels.map(({ id }) => id)), [panel]);
  }
  await page.keyboard.press("Home");
}
