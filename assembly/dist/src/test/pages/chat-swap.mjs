// A component is configured by a click on the page of `hydra serve --swap-dir`, while a text streams:
//   ADDRESS=http://127.0.0.1:8000/#key=... JOURNAL=live/journal.jsonl node chat-swap.mjs
// The model is named run and has no chat template; blocks.0.ffn has hidden = 16.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { lines, narrowAndDark, onPage, picture, untilText, wideAndLight } from "./browser.mjs";

const { ADDRESS, JOURNAL } = process.env;
const { origin } = new URL(ADDRESS);
const composition = async () => (await fetch(origin + "/composition?model=run")).text();

await onPage(ADDRESS, async (page, errors) => {
  const answer = page.locator("#log .model");
  const length = async () => (await answer.textContent()).length;
  const untilLonger = (than) =>
    page.waitForFunction((n) => document.querySelector("#log .model").textContent.length > n, than);
  await untilText(page, "#connection", /^ready$/);
  await page.locator("summary", { hasText: "Settings" }).click();
  await page.locator("#composed summary").click();
  await untilText(page, "#composed-parts", "hidden 16");
  await page.locator("#tokens").fill("30000");
  await page.locator("#text").focus();
  await page.keyboard.insertText("one two");
  await page.keyboard.press("Enter");
  await answer.waitFor();
  await untilLonger(20);

  await page.locator('button[data-sites="blocks.0.ffn"]').click();
  assert.equal(await page.locator("#sites").inputValue(), "blocks.0.ffn");
  await page.keyboard.insertText("hidden = 24"); // the focus is where it belongs
  await page.locator("#policy").selectOption("drop");
  await page.locator("#do-swap").click();
  await untilText(page, "#answer", "swapped after step ");
  await untilText(page, "#changed-events", "hidden 16 -> 24");
  await untilText(page, "#composed-parts", "hidden 24");
  assert.ok((await composition()).includes('"hidden":24'));
  const swaps = lines(await readFile(JOURNAL, "utf8")).filter((line) => line.event === "swap");
  assert.equal(swaps.length, 1);
  assert.ok(JSON.stringify(swaps).includes("hidden 16 -> 24"), JSON.stringify(swaps));
  await untilLonger((await length()) + 20);
  assert.ok(await page.locator("#send").isDisabled(), "the text goes on");
  await wideAndLight(page, 1150);
  await page.locator("#change").evaluate((form) => form.scrollIntoView({ behavior: "instant" }));
  await picture(page, "chat-page-swap");

  await page.locator("#rollback").focus();
  await page.keyboard.press("Enter");
  await untilText(page, "#answer", "rolled back after step ");
  await untilText(page, "#changed-events", "rollback");
  assert.ok(!(await composition()).includes('"hidden":24'));
  await untilLonger((await length()) + 20);
  await page.keyboard.press("Escape");
  await page.locator("#send:enabled").waitFor();
  assert.equal(await page.locator("#log .problem").count(), 0);
  assert.deepEqual(errors, []);

  await narrowAndDark(page);
  const keyless = await fetch(origin + "/rollback?model=run", { method: "POST", body: "{}" });
  assert.equal(keyless.status, 401);
});
