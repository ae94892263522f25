// Talks to `hydra serve` with the official client of OpenAI:
//   npm ci && BASE=http://127.0.0.1:8000/v1 node check.mjs
// The model must have a tokenizer and a chat template (--template gives one to any model).
import assert from "node:assert/strict";
import OpenAI from "openai";

const baseURL = process.env.BASE ?? "http://127.0.0.1:8000/v1";
const client = new OpenAI({ baseURL, apiKey: process.env.KEY ?? "none", maxRetries: 0 });
let passed = 0;
async function check(name, test) {
  await test();
  console.log("ok   " + name);
  passed++;
}

const models = await client.models.list();
const model = models.data[0].id;
const messages = [{ role: "user", content: "Hello" }];

await check("models", async () => {
  assert.equal((await client.models.retrieve(model)).object, "model");
});
let text;
await check("completions", async () => {
  const answer = await client.completions.create({
    model, prompt: "In the", max_tokens: 12, temperature: 0, logprobs: 2, echo: true });
  text = answer.choices[0].text;
  assert.ok(text.startsWith("In the"));
  assert.equal(answer.choices[0].finish_reason, "length");
  assert.equal(answer.usage.completion_tokens, 12);
  assert.equal(answer.choices[0].logprobs.token_logprobs[0], null);
});
await check("completions, streamed", async () => {
  const stream = await client.completions.create({
    model, prompt: "In the", max_tokens: 12, temperature: 0, stream: true });
  let all = "In the";
  for await (const event of stream) all += event.choices[0]?.text ?? "";
  assert.equal(all, text);
});
let said;
await check("chat", async () => {
  const answer = await client.chat.completions.create({
    model, messages, max_tokens: 12, temperature: 0, logprobs: true, top_logprobs: 3 });
  said = answer.choices[0].message.content;
  assert.equal(answer.choices[0].message.role, "assistant");
  assert.equal(answer.choices[0].logprobs.content.length, 12);
});
await check("chat, streamed", async () => {
  const stream = client.chat.completions.stream({
    model, messages, max_tokens: 12, temperature: 0, stream_options: { include_usage: true } });
  let all = "";
  stream.on("content", (delta) => { all += delta; });
  const answer = await stream.finalChatCompletion();
  assert.equal(all, said);
  assert.equal(answer.choices[0].message.content, said);
});
await check("errors", async () => {
  await assert.rejects(client.completions.create({ model: "none", prompt: "a" }), OpenAI.NotFoundError);
  await assert.rejects(
    client.completions.create({ model, prompt: "a", temperature: -1 }), (error) =>
      error instanceof OpenAI.BadRequestError && error.param === "temperature");
});
await check("abort", async () => {
  const stream = await client.completions.create({
    model, prompt: "In the", max_tokens: 5000, temperature: 0, stream: true });
  let events = 0;
  for await (const event of stream) {
    assert.ok(event.id);
    if (++events === 3) stream.controller.abort();
  }
  const metrics = async () =>
    (await fetch(baseURL.replace(/\/v1$/, "/metrics"), {
      headers: { authorization: "Bearer " + (process.env.KEY ?? "none") } })).text();
  for (let i = 0; i < 50; i++) {
    if (/^hydra_sessions_running\{[^}]*\} 0$/m.test(await metrics())) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail("the session of an aborted stream goes on");
});
console.log(passed + " passed, 0 failed");
