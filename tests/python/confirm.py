"""Makes calls whose user is asked, and answers for him.

`confirm.py USER LINK ERA STEPS`: STEPS is a JSON list of [how, tool, arguments]. HOW is
one of `accept`, `decline` and `cancel`, after half a second as a person would, or with
`at once` after it without any; `late` accepts after three seconds; `fail` answers with an
error. Where HOW is `none` for the first step, the client does not say that it can ask.
"""

import json

import anyio
import mcp_types as types
from mcp.shared.exceptions import MCPError
from session import client, run, summary

PERSON, LATE = 0.5, 3.0


class User:
    """The user at the client."""

    def __init__(self) -> None:
        self.how = ""
        self.asked = []

    async def answer(self, _context, question):
        self.asked.append({"message": question.message, "schema": question.requested_schema})
        how, _, at_once = self.how.partition(" at once")
        if how == "fail":
            return types.ErrorData(code=types.INVALID_REQUEST, message="no")
        await anyio.sleep(LATE if how == "late" else PERSON if self.how == how else 0)
        action = "accept" if how == "late" else how
        return types.ElicitResult(action=action, content={} if action == "accept" else None)


async def main(link: str, era: str, steps: str) -> list:
    user, results = User(), []
    steps = json.loads(steps)
    callback = None if steps[0][0] == "none" else user.answer
    async with client(link, era, elicitation_callback=callback) as session:
        for user.how, tool, arguments in steps:
            user.asked = []
            try:
                result = summary(await session.call_tool(tool, arguments))
            except MCPError as error:
                result = {"code": error.code, "message": str(error)}
            results.append({**result, "asked": user.asked})
    return results


run(main)
