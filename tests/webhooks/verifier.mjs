// The npm package `standardwebhooks` behind a pipe, for scripts/check-webhooks.py: one question in JSON a line, one answer a line.
//
//   {"sign": {"id": "..", "seconds": 1, "body": ".."}}     -> {"signature": ".."}
//   {"verify": {"headers": {..}, "body": ".."}}            -> {"data": ..} or {"error": ".."}
//
// The secret is the only argument.

import { createInterface } from "node:readline";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.argv[2]);

function answer({ sign, verify }) {
  if (sign) return { signature: webhook.sign(sign.id, new Date(sign.seconds * 1000), sign.body) };
  try {
    return { data: webhook.verify(verify.body, verify.headers) };
  } catch (error) {
    return { error: String(error) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(answer(JSON.parse(line))));
}
