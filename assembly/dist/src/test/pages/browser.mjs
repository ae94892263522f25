// What the checks of pages share: Debian's Chromium, driven by Playwright.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const LIMIT_MILLIS = 60_000;

/** Opens a page, checks it, and fails with what it shows; `errors` are those of its console. */
export async function onPage(address, check) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox"],
  });
  try {
    const page = await browser.newPage({ viewport: { width: 1300, height: 900 }, colorScheme: "light" });
    page.setDefaultTimeout(LIMIT_MILLIS);
    const errors = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") errors.push(message.text());
    });
    await page.goto(address);
    try {
      await check(page, errors);
    } catch (error) {
      console.error("the page: " + (await page.locator("body").innerText()));
      throw error;
    }
  } finally {
    await browser.close();
  }
}

/** Waits until an element shows a text. */
export async function untilText(page, selector, part) {
  await page.locator(selector).filter({ hasText: part }).waitFor();
}

/** Waits until there are so many elements. */
export async function untilCount(page, selector, count) {
  await page.waitForFunction(([s, n]) => document.querySelectorAll(s).length === n, [selector, count]);
}

/** The figures of the first run on the page of `hydra watch`, by their names. */
export async function figures(page) {
  return page.evaluate(() =>
    Object.fromEntries([...document.querySelectorAll("#now tr")].map((row) =>
      [row.cells[0].textContent, row.cells[1].textContent])));
}

/** Asserts that nothing sticks out of a narrow window, in the dark; gives the background there. */
export async function narrowAndDark(page) {
  await page.setViewportSize({ width: 400, height: 800 });
  await page.emulateMedia({ colorScheme: "dark" });
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  return background(page);
}

/** Gives the page a wide window in light colours; gives the background there. */
export async function wideAndLight(page, height) {
  await page.setViewportSize({ width: 1300, height });
  await page.emulateMedia({ colorScheme: "light" });
  return background(page);
}

async function background(page) {
  return page.evaluate(() => getComputedStyle(document.body).backgroundColor);
}

/** Keeps what the page looks like, for the documentation, where a folder is named. */
export async function picture(page, name) {
  if (process.env.PICTURES) {
    await page.screenshot({ path: process.env.PICTURES + "/" + name + ".png" });
  }
}

/** Objects of a file with one a line. */
export function lines(text) {
  return text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}
