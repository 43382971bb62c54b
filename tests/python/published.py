"""One session: what is published, the prompts, and what completes both.

`published.py USER LINK ERA URIS PROMPT COMPLETIONS`: URIS is a JSON list of resources to
read, PROMPT of a name and its arguments, COMPLETIONS of [reference, argument, value].
"""

import json

import mcp_types as types
from mcp.shared.exceptions import MCPError
from session import client, run


async def published(link: str, era: str, uris: str, prompt: str, completions: str) -> dict:
    async with client(link, era) as session:
        listed = await session.list_resources()
        templates = await session.list_resource_templates()
        prompts = await session.list_prompts()
        name, arguments = json.loads(prompt)
        got = await session.get_prompt(name, arguments)
        return {
            "protocol": session.protocol_version,
            "resources": [str(one.uri) for one in listed.resources],
            "templates": [one.uri_template for one in templates.resource_templates],
            "prompts": [one.model_dump(mode="json", by_alias=True) for one in prompts.prompts],
            "prompt": got.messages[0].content.text,
            "contents": [await read(session, uri) for uri in json.loads(uris)],
            "completions": [await complete(session, *words) for words in json.loads(completions)],
        }


async def read(session, uri: str):
    try:
        contents = (await session.read_resource(uri)).contents
    except MCPError as error:
        return error.code
    return [getattr(one, "text", None) or one.blob for one in contents]


async def complete(session, reference: str, argument: str, value: str) -> list:
    scheme = reference.startswith("mini-mcp:")
    if scheme:
        ref = types.ResourceTemplateReference(type="ref/resource", uri=reference)
    else:
        ref = types.PromptReference(type="ref/prompt", name=reference)
    completed = await session.complete(ref, {"name": argument, "value": value})
    return completed.completion.values


run(published)
