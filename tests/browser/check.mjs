// Uses the page of `hookyard eval --html` as a reader would: node check.mjs [SHOTS_DIR]
//
// HOOKYARD and CHROMIUM name the programs. Ends with 1, and says where, if the page does anything that it should not.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Browser, fits, isInert, tablesFit } from "./browser.mjs";
import { MARKUP, TEMPLATE, hostile } from "./hostile.mjs";
import { clear, filters, left, openCase, plots, search, tabs } from "./reader.mjs";

const { HOOKYARD, CHROMIUM } = process.env;
const WIDE = { width: 1600, height: 1000 };
const NARROW = { width: 400, height: 800 };
/** Two cards stand side by side, each with as little room as it gets. */
const TIGHT = [1200, 1130];

/** Wide and narrow, light and dark: each suite as it opens, and with a case open. */
async function looks(browser, file, name) {
  for (const [size, viewport] of [["wide", WIDE], ["narrow", NARROW]]) {
    for (const colorScheme of ["light", "dark"]) {
      const page = await browser.open(file, { viewport, colorScheme });
      const panels = await page.locator(".panel").evaluateAll((panels) => panels.map(({ id }) => id));
      for (const panel of panels) {
        const what = `${name}-${panel}-${size}-${colorScheme}`;
        if (panels.length > 1) await page.locator(`[role=tab][aria-controls=${panel}]`).click();
        await fits(page, what);
        await browser.shot(page, what, true);
        if (panel.startsWith("compared")) continue;
        const missed = page.locator(`#${panel} .missed`);
        if (await missed.isVisible()) await missed.click();
        await (await openCase(page, `#${panel}`)).scrollIntoViewIfNeeded();
        await fits(page, `${what} with an open case`);
        await browser.shot(page, `${what}-case`);
      }
      await isInert(page, `${name} ${size} ${colorScheme}`);
      await page.context().close();
    }
  }
}

/** The suites as they are shipped. */
async function shipped(browser, file) {
  await looks(browser, file, "shipped");
  for (const width of TIGHT) {
    const tight = await browser.open(file, { viewport: { width, height: 900 } });
    for (const tab of await tight.locator("[role=tab]").all()) {
      await tab.click();
      await tablesFit(tight, `${await tab.textContent()} at ${width} px`);
      await browser.shot(tight, `tight-${width}-${await tab.getAttribute("aria-controls")}`, true);
    }
    await tight.context().close();
  }
  const page = await browser.open(file);
  await tabs(page);
  for (const suite of ["#suite-0", "#suite-1", "#suite-2"]) {
    await page.locator(`[aria-controls=${suite.slice(1)}]`).click();
    await filters(page, suite);
    await plots(page, suite);
    const body = await openCase(page, suite);
    assert.ok((await body.textContent()).length > 100, "a case tells what was read");
    await clear(page, suite);
  }
  const theme = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const before = await theme();
  await page.locator("#theme").click();
  assert.notEqual(await theme(), before, "the button changes the colours");
  await page.locator("#theme").click();
  assert.equal(await theme(), before, "and back");
  // The address of a case opens it in another window.
  const again = await browser.open(file, { hash: await page.evaluate(() => location.hash) });
  assert.equal(await again.locator(".case.open:visible").count(), 1);
  const plain = await browser.open(file, { javaScriptEnabled: false });
  assert.equal(await plain.locator(".panel:visible").count(), 3, "all is there without the script");
  await browser.shot(plain, "no-script");
}

/** What strangers wrote stays text, in whichever part of the page. */
async function hostileCases(browser, file) {
  await looks(browser, file, "hostile");
  const page = await browser.open(file);
  const [all, odd] = [254, 24];
  const suite = "#suite-0";
  await tabs(page);
  await filters(page, suite);
  await plots(page, suite);
  await page.locator(`${suite} .more`).click();
  assert.equal(await page.locator(`${suite} .case`).count(), all, "all are listed on demand");
  await search(page, suite, "case-no-", odd);
  for (let n = 0; n < odd; n += 1) {
    const body = await openCase(page, suite, n);
    for (const fold of await body.locator("summary").all()) await fold.click();
  }
  await isInert(page, "all hostile cases open");
  await fits(page, "all hostile cases open");
  await browser.shot(page, "hostile-all-open", true);
  const told = await page.locator(`${suite} .case.open`).allTextContents();
  for (const text of [MARKUP, TEMPLATE, "U+202E", "U+200B", "U+E0041", "U+0007"]) {
    assert.ok(told.some((one) => one.includes(text)), `shown as it is: ${text}`);
  }

  const next = await browser.open(file);
  await next.locator(`${suite} .choice label`, { hasText: "Changed" }).click();
  assert.equal(await left(next, suite), 10, "three mended, seven broken");
  const body = await openCase(next, suite);
  assert.equal(await body.locator(".diff .gone").count(), 1);
  await next.reload();
  assert.equal(await next.locator(".case.open:visible").count(), 1, "an id of any kind is an address");
}

/** Two runs side by side. */
async function compared(browser, file) {
  await looks(browser, file, "compared");
  const page = await browser.open(file);
  await page.locator("#tab-compared-0").click();
  const changed = page.locator("#compared-0 .changed tbody tr:visible");
  assert.equal(await changed.count(), 10);
  for (const [kind, count] of [["Broke", 7], ["Mended", 3], ["All", 10]]) {
    await page.locator("#compared-0 .choice label", { hasText: kind }).click();
    assert.equal(await changed.count(), count, kind);
  }
  await isInert(page, "compared");
  await page.locator("#compared-0 .link:visible").first().click();
  assert.equal(await page.locator("#suite-0 .case.open:visible").count(), 1, "a changed case leads to its suite");
}

const folder = mkdtempSync(join(tmpdir(), "hookyard-browser-"));
const browser = await Browser.start(CHROMIUM, process.argv[2]);
try {
  const page = join(folder, "shipped.html");
  // Away from any project: the suites that the program carries.
  const { HOOKYARD_DIR, ...env } = process.env;
  await promisify(execFile)(HOOKYARD, ["eval", "--html", page], { cwd: folder, env, maxBuffer: 1 << 28 });
  const pages = await hostile(HOOKYARD, join(folder, "hostile"));
  const parts = [["shipped suites", shipped, page], ["hostile cases", hostileCases, pages.suites], ["a comparison", compared, pages.compared]];
  for (const [name, part, file] of parts) {
    const begun = Date.now();
    await part(browser, file);
    console.log(`${name}: well after ${((Date.now() - begun) / 1000).toFixed(1)} s`);
  }
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
}
for (const fault of browser.faults) console.error(fault);
if (browser.faults.length) process.exitCode = 1;
else if (!process.exitCode) console.log("no error, no request, nothing that sticks out");
