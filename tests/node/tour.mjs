// One session of an official TypeScript client: lists the tools, makes the calls.
//
// `node tour.mjs NODE_MODULES USER SDK LINK ERA CALLS`: SDK is `v1` or `v2`, LINK a JSON
// object with `command` and `args`, or `url` and perhaps `key`; CALLS a JSON list of
// [tool, arguments]. Everything is loaded before the process becomes USER.

import { createRequire } from 'node:module';

const [modules, user, sdk, link, era, calls] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { Client, Http, Stdio } =
    sdk === 'v1'
        ? {
              ...require('@modelcontextprotocol/sdk/client/index.js'),
              Http: require('@modelcontextprotocol/sdk/client/streamableHttp.js').StreamableHTTPClientTransport,
              Stdio: require('@modelcontextprotocol/sdk/client/stdio.js').StdioClientTransport,
          }
        : {
              ...require('@modelcontextprotocol/client'),
              Http: require('@modelcontextprotocol/client').StreamableHTTPClientTransport,
              Stdio: require('@modelcontextprotocol/client/stdio').StdioClientTransport,
          };

process.initgroups(user, user);
process.setgid(user);
process.setuid(user);
process.chdir('/');

const { url, key, command, args } = JSON.parse(link);
const headers = key ? { Authorization: `Bearer ${key}` } : {};
const transport = url ? new Http(new URL(url), { requestInit: { headers } }) : new Stdio({ command, args });
// Both tell their transport which version was agreed on.
let protocol;
const setProtocolVersion = transport.setProtocolVersion?.bind(transport);
transport.setProtocolVersion = (version) => {
    protocol = version;
    setProtocolVersion?.(version);
};
const mode = era === '2026-07-28' ? { pin: era } : era;
const client = new Client({ name: 'tour', version: '1' }, { versionNegotiation: { mode } });
await client.connect(transport);
const { tools } = await client.listTools();
const results = [];
for (const [name, given] of JSON.parse(calls)) {
    try {
        results.push(await client.callTool({ name, arguments: given }));
    } catch (error) {
        results.push({ code: error.code, message: error.message });
    }
}
await client.close();
console.log(JSON.stringify({ protocol, tools: tools.map((tool) => tool.name), results }));
