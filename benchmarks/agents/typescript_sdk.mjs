// The agent to compare with: official TypeScript SDK, playing `flood COUNT BYTES`.
import { Readable, Writable } from "node:stream";
import { agent, methods, ndJsonStream, PROTOCOL_VERSION } from "@agentclientprotocol/sdk";

agent({ name: "typescript-sdk" })
  .onRequest(methods.agent.initialize, () => ({ protocolVersion: PROTOCOL_VERSION }))
  .onRequest(methods.agent.session.new, () => ({ sessionId: crypto.randomUUID() }))
  .onRequest(methods.agent.session.prompt, async ({ params, client }) => {
    const [word, count, size] = params.prompt[0].text.split(" ");
    const text = word === "flood" ? "x".repeat(Number(size)) : params.prompt[0].text;
    for (let sent = 0; sent < (word === "flood" ? Number(count) : 1); sent++) {
      await client.notify(methods.client.session.update, {
        sessionId: params.sessionId,
        update: { sessionUpdate: "agent_message_chunk", content: { type: "text", text } },
      });
    }
    return { stopReason: "end_turn" };
  })
  .connect(ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin)));
