// A browser without a window, and everything that a page did there which it must not do.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

export class Browser {
  faults = [];

  /** `shots` is a folder for screenshots, if they are wanted. */
  static async start(program, shots) {
    const browser = new Browser();
    browser.shots = shots;
    if (shots) mkdirSync(shots, { recursive: true });
    const quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
    // Chromium's own sandbox does not work for root, as whom tests run in containers.
    const args = process.getuid?.() === 0 ? [...quiet, "--no-sandbox"] : quiet;
    browser.chromium = await chromium.launch({ executablePath: program, args });
    return browser;
  }

  /** Opens a file in a fresh profile: whatever it logs as wrong, asks for or pops up is a fault. */
  async open(file, { hash = "", ...options } = {}) {
    const context = await this.chromium.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    const url = pathToFileURL(file).href;
    const fault = (what) => this.faults.push(`${basename(file)}: ${what}`);
    page.on("console", (message) => { if (["error", "warning"].includes(message.type())) fault(`console: ${message.text()}`); });
    page.on("pageerror", (error) => fault(`error: ${error}`));
    page.on("request", (request) => { if (request.url().split("#")[0] !== url) fault(`request: ${request.url()}`); });
    page.on("dialog", (dialog) => { fault(`dialog: ${dialog.message()}`); dialog.dismiss(); });
    page.on("popup", (popup) => fault(`popup: ${popup.url()}`));
    page.on("download", (download) => fault(`download: ${download.url()}`));
    await page.goto(url + hash);
    return page;
  }

  /** The page from its top, as far down as there is something to see: rows far below are drawn only when they come into view. */
  async shot(page, name, whole = false) {
    if (!this.shots) return;
    if (whole) await page.evaluate(() => scrollTo(0, 0));
    const { width } = page.viewportSize();
    const height = Math.min(await page.evaluate(() => document.documentElement.scrollHeight), 4000);
    const size = whole ? { fullPage: true, clip: { x: 0, y: 0, width, height } } : {};
    await page.screenshot({ path: join(this.shots, `${name}.png`), ...size });
  }

  async close() {
    await this.chromium.close();
  }
}

/** Nothing sticks out of the page at its side. */
export async function fits(page, what) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(over <= 0, `${what}: the page scrolls sideways by ${over} px`);
}

/** No table of a suite has columns that have to be scrolled to. */
export async function tablesFit(page, what) {
  const over = await page.locator(".scroll:visible").evaluateAll((boxes) =>
    boxes.filter((box) => box.scrollWidth > box.clientWidth).map((box) => `${box.firstElementChild.className} ${box.scrollWidth} > ${box.clientWidth}`));
  assert.deepEqual(over, [], what);
}

/** Nothing of a stranger has become an element, a script or a style. */
export async function isInert(page, what) {
  const found = await page.evaluate(() => ({
    foreign: document.querySelectorAll("img, iframe, object, embed, link, form, base, audio, video").length,
    scripts: document.scripts.length,
    handlers: [...document.querySelectorAll("*")].filter((element) => [...element.attributes].some(({ name }) => name.startsWith("on"))).length,
    addresses: [...document.querySelectorAll("[href], [src]")].filter((element) => !(element.getAttribute("href") ?? "").startsWith("#")).length,
    prototype: Object.keys(Object.prototype).length,
  }));
  assert.deepEqual(found, { foreign: 0, scripts: 2, handlers: 0, addresses: 0, prototype: 0 }, what);
}
