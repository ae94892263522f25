// A training is followed on the page of `hydra watch`, and changed by clicks:
//   ADDRESS=http://127.0.0.1:8001/#key=... RUN=runs/one PID=... node watch.mjs
// PID is the training's, which is ended. Its blocks.*.ffn have hidden = 32.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { figures, lines, onPage, untilText } from "./browser.mjs";

const { ADDRESS, PID, RUN } = process.env;
const file = async (name) => lines(await readFile(RUN + "/" + name, "utf8"));
const journal = async (event) => (await file("journal.jsonl")).filter((line) => line.event === event);

await onPage(ADDRESS, async (page, errors) => {
  await untilText(page, "#now", "training loss");
  const now = await figures(page); // of one moment, which the file has, too
  assert.equal(now.state, "training");
  const step = Number(now.step.replace(/ of .*/, "").replaceAll(",", ""));
  const line = (await file("metrics.jsonl")).find((each) => each.kind === "step" && each.step === step);
  assert.equal(now["training loss"], line.loss.toFixed(4));
  await untilText(page, "#model", "com.example.hydra.ema 1.0.0");
  await page.locator("#fields:enabled").waitFor();

  await page.locator('button[data-sites="blocks.*.ffn"]').click();
  assert.equal(await page.locator("#sites").inputValue(), "blocks.*.ffn");
  await page.keyboard.insertText("hidden = 48"); // the focus is where it belongs
  await page.locator("#policy").selectOption("drop");
  await page.locator("#do-swap").click();
  await untilText(page, "#answer", "swapped after step ");
  const swap = JSON.stringify((await journal("swap"))[0]);
  assert.ok(swap.includes("blocks.1.ffn") && swap.includes("hidden 32 -> 48"), swap);
  await untilText(page, "#journal", "hidden 32 -> 48");
  await untilText(page, "#model", "hidden 48");

  await page.locator("#rollback").focus();
  await page.keyboard.press("Enter");
  await untilText(page, "#answer", "rolled back after step ");
  assert.equal((await journal("rollback")).length, 1);
  await untilText(page, "#model", "hidden 32");

  await page.locator("#config").fill("hiden = 48");
  await page.locator("#try").click();
  await untilText(page, "#answer", 'did you mean "hidden"');
  assert.equal((await journal("swap")).length, 1, "nothing was changed");

  process.kill(Number(PID), "SIGTERM");
  await untilText(page, "#now", "interrupted");
  await page.locator("#fields:disabled").waitFor();
  await untilText(page, "#model", "com.example.hydra.ema 1.0.0"); // built from the checkpoint
  assert.deepEqual(errors, []);
});
