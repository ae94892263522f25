// Two finished runs of 40 steps, run and other, side by side on the page of `hydra watch`, without key:
//   ADDRESS=http://127.0.0.1:8001 node watch-finished.mjs
import assert from "node:assert/strict";
import { figures, narrowAndDark, onPage, untilText, wideAndLight } from "./browser.mjs";

await onPage(process.env.ADDRESS, async (page, errors) => {
  const shown = (selector) => page.locator(selector).innerText();
  await untilText(page, "#now", "training loss");
  const now = await figures(page);
  assert.equal(now.state, "finished");
  assert.equal(now.step, "40 of 40");
  assert.match(await shown("#now"), /run[^]*other/);
  assert.match(await shown("#tables"), /At equal steps, tokens and time/);
  await untilText(page, "#model", "Model of other");
  assert.equal(await page.locator("#fields:disabled").count(), 1);
  assert.match(await shown("#change-note"), /no run is training/);

  const dark = await narrowAndDark(page);
  assert.notEqual(await wideAndLight(page, 800), dark);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  assert.deepEqual(errors, []);
});
