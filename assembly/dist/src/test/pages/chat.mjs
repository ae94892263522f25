// A conversation on the page of `hydra serve`, and what the model looks at meanwhile:
//   ADDRESS=http://127.0.0.1:8000 node chat.mjs
// The model has two blocks, in each a mixture of four experts and a product-key memory.
import assert from "node:assert/strict";
import { narrowAndDark, onPage, picture, untilCount, untilText, wideAndLight } from "./browser.mjs";

await onPage(process.env.ADDRESS, async (page, errors) => {
  const shown = (selector) => page.locator(selector).innerText();
  const say = async (text, tokens) => {
    await page.locator("#tokens").fill(tokens);
    await page.locator("#text").focus();
    await page.keyboard.insertText(text);
  };
  await untilText(page, "#connection", /^ready$/);
  await page.locator("summary", { hasText: "Settings" }).click();
  await say("Who are you?", "60");
  await page.keyboard.press("Enter");
  await untilCount(page, "#log .speed", 1);
  assert.match(await shown("#log .speed"), /^60 tokens, the first after \d+ ms, \d+ tokens\/s$/);
  assert.notEqual((await shown("#log .model")).trim(), "");
  assert.equal(await shown("#log .user"), "Who are you?");

  // An answer without end: what the model looks at is shown until it is stopped.
  await say("And then?", "20000");
  await page.keyboard.press("Enter");
  await untilCount(page, "#seen .cells i", 8);
  const seen = await shown("#seen");
  for (const part of ["blocks.0", "blocks.1", "load", "gate"]) assert.ok(seen.includes(part), seen);
  assert.match(seen, /memory\.rows\s+\d+ \(\d+%\), \d+ /);
  await page.keyboard.press("Escape");
  await page.locator("#send:enabled").waitFor();
  assert.match(await shown("#log"), /stopped/);

  await say("Go on", "1000000");
  await page.locator("#send").click();
  await untilCount(page, "#log .problem", 1);
  assert.match(await shown("#log .problem"), /1000000 are to be drawn, which are more than the 32768 of the context/);

  await page.locator("#composed summary").click();
  await untilCount(page, "#composed-parts tr", 8);
  const composed = await shown("#composed");
  for (const part of ["blocks.1.ffn.router\ttopk", "width 16", "blocks.0.memory\tpkm", "learned"]) {
    assert.ok(composed.includes(part), composed);
  }
  assert.equal(await page.locator("#fields:disabled").count(), 1);
  assert.match(await shown("#change-note"), /--swap-dir/);

  await narrowAndDark(page);
  assert.deepEqual(errors.filter((error) => !error.includes("status of 400")), []);
  await wideAndLight(page, 900);
  await picture(page, "chat-page");
});
