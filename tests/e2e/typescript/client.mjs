// An editor on the official TypeScript SDK, driven over stdin and stdout.
//
// Argument: {"command": [...], "environ": {...}, "cwd": "..."}. It spawns the agent with
// pipes (Node makes them socket pairs) and never reads the agent's stderr.
// Input, one JSON object a line: {"call": n, "method", "params"}, {"notify": method,
// "params"}, {"answer": n, "optionId"}; the end of input closes the agent's.
// Output: {"pid"}, {"sent": message}, {"received": message}, {"update": params},
// {"question": n, "params"}, {"result": value, "call": n}, {"error", "call": n}, and at
// last {"exit": status}.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { Readable, Writable } from "node:stream";
import { client, methods, ndJsonStream } from "@agentclientprotocol/sdk";

const { command, environ, cwd } = JSON.parse(process.argv[2]);
const agent = spawn(command[0], command.slice(1), { env: environ, cwd, stdio: "pipe" });
const exited = new Promise((resolve) => agent.on("exit", (code, signal) => resolve(code ?? signal)));
const answers = new Map();

function tell(event) {
  process.stdout.write(JSON.stringify(event) + "\n");
}

function recorded(stream) {
  const tap = (name) =>
    new TransformStream({
      transform(message, controller) {
        tell({ [name]: message });
        controller.enqueue(message);
      },
    });
  const outgoing = tap("sent");
  outgoing.readable.pipeTo(stream.writable).catch(() => {});
  return { writable: outgoing.writable, readable: stream.readable.pipeThrough(tap("received")) };
}

function ask({ params }) {
  const number = answers.size + 1;
  tell({ question: number, params });
  return new Promise((resolve) => answers.set(number, resolve));
}

async function call(context, { call: number, method, params }) {
  try {
    tell({ call: number, result: (await context.request(method, params)) ?? {} });
  } catch (error) {
    tell({ call: number, error: { code: error.code, message: error.message } });
  }
}

async function play(context) {
  for await (const line of createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    if (order.call) call(context, order);
    else if (order.notify) await context.notify(order.notify, order.params);
    else answers.get(order.answer)({ outcome: { outcome: "selected", optionId: order.optionId } });
  }
}

tell({ pid: agent.pid });
await client({ name: "typescript-editor" })
  .onRequest(methods.client.session.requestPermission, ask)
  .onNotification(methods.client.session.update, ({ params }) => tell({ update: params }))
  .connectWith(recorded(ndJsonStream(Writable.toWeb(agent.stdin), Readable.toWeb(agent.stdout))), play);
agent.stdin.end();
tell({ exit: await exited });
process.exit(0);
