// The official MCP client from npm against `acp-agent mcp`: lists, calls, and aborts a call.
// Prints what it saw as one JSON object.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

const { command, environ, cwd } = JSON.parse(process.argv[2]);
const [program, ...args] = command;
const transport = new StdioClientTransport({
  command: program,
  args: [...args, "mcp"],
  env: environ,
  cwd,
});
const client = new Client({ name: "npm-client", version: "1.0" });
await client.connect(transport);

const generate = (prompt, options) => {
  const call = { name: "gptoss.generate", arguments: { user_prompt: prompt } };
  return client.callTool(call, undefined, options);
};

const { tools } = await client.listTools();
const progress = [];
const result = await generate("Count.", { onprogress: (each) => progress.push(each) });
const controller = new AbortController();
const aborted = await generate("Wait.", {
  signal: controller.signal,
  onprogress: ({ progress: tokens }) => tokens >= 1 && controller.abort(),
}).then(() => "not aborted", (error) => `${error.name}: ${error.message}`);
await client.close();
console.log(JSON.stringify({ tools: tools.map((tool) => tool.name), result, progress, aborted }));
