import httpx2
import pytest
from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from memagent import Memory, Scope
from memagent.config import Settings
from memagent.server.app import create_app
from memagent.server.services import ServeOptions, Services
from memagent.stores.access.audit import AuditLog
from memagent.stores.access.keys import Keys


async def test_recent_records_and_sessions_are_listed(connect, memory: Memory) -> None:
    trip = Scope("ada", session="trip/Lisbon & back")
    first = memory.add("Ada is in Lisbon.", scope=trip)
    memory.add("Ada is in Porto.", scope=trip)
    memory.add("Bob is in Bonn.", scope=Scope("bob", session="bonn"))
    async with connect() as session:
        listed = {str(one.uri): one for one in (await session.list_resources()).resources}
        templates = (await session.list_resource_templates()).resource_templates
        address = "memory://sessions/trip%2FLisbon%20%26%20back"
        assert set(listed) > {address, f"memory://records/{first.id}"}
        assert len(listed) == 3
        (said,) = (await session.read_resource(address)).contents
    assert said.text.index("Lisbon.") < said.text.index("Porto.")
    assert [template.uri_template for template in templates] == [
        "memory://records/{id}",
        "memory://sessions/{name}",
    ]


@pytest.mark.parametrize(
    "uri",
    [
        "memory://records/nope",
        "memory://records/",
        "memory://sessions/bonn",
        "memory://sessions/%00",
        "memory://sessions/",
        "memory://users/bob",
        "file:///etc/passwd",
        "memory://records/../../etc/passwd",
    ],
)
async def test_an_address_with_nothing_behind_it_is_an_error(
    connect, memory: Memory, uri: str
) -> None:
    memory.add("Bob is in Bonn.", scope=Scope("bob", session="bonn"))
    async with connect() as session:
        with pytest.raises(MCPError, match="there is no"):
            await session.read_resource(uri)


async def test_a_session_shows_no_other_than_its_own(connect, memory: Memory) -> None:
    memory.add("Ada's tea.", scope=Scope("ada", session="home"))
    async with connect("ada", "?session=work") as session:
        assert (await session.list_resources()).resources == []
        with pytest.raises(MCPError, match="there is nothing"):
            await session.read_resource("memory://sessions/home")


async def test_the_prompt_holds_what_is_remembered(connect, memory: Memory) -> None:
    memory.add("Ada lives in Lisbon.", scope="ada")
    async with connect() as session:
        (prompt,) = (await session.list_prompts()).prompts
        assert [argument.name for argument in prompt.arguments] == ["question"]
        asked = {"question": "Ada lives in Lisbon?"}
        (message,) = (await session.get_prompt(prompt.name, asked)).messages
        assert "Ada lives in Lisbon." in message.content.text
        (message,) = (await session.get_prompt(prompt.name, {"question": "xyzzy"})).messages
        assert "Lisbon" not in message.content.text
        with pytest.raises(MCPError, match="say what to answer"):
            await session.get_prompt(prompt.name, {})
        with pytest.raises(MCPError, match="no prompt"):
            await session.get_prompt("nope", {})


async def test_the_application_serves_mcp_each_time_it_runs(memory: Memory) -> None:
    memory.add("Ada lives in Lisbon.", scope="me")
    app = create_app(Services(memory=memory, settings=Settings(user="me")))
    for _ in range(2):
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app)) as http,
            streamable_http_client("http://127.0.0.1:8484/mcp", http_client=http) as streams,
            ClientSession(*streams[:2]) as session,
        ):
            assert (await session.initialize()).server_info.name == "memagent"
            result = await session.call_tool("recent", {})
            assert len(result.structured_content["memories"]) == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "localhost:8484"}, 200),
        ({"host": "memory.example.org"}, 200),
        ({"host": "evil.example.com"}, 403),
        ({"origin": "http://evil.example.com"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"authorization": "Bearer ma_wrong_key"}, 401),
    ],
)
async def test_only_a_client_of_this_machine_or_with_a_key_is_answered(
    memory: Memory, headers: dict[str, str], status: int
) -> None:
    options = ServeOptions(hosts=("memory.example.org",))
    if "authorization" in headers:
        Keys(memory.engine.store).make("ada's key", ["ada"])
    app = create_app(Services(memory=memory, settings=Settings(user="me"), options=options))
    body = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    accept = {"accept": "application/json, text/event-stream"}
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app)) as http,
    ):
        url = "http://127.0.0.1:8484/mcp"
        answer = await http.post(url, json=body, headers={**accept, **headers})
        streams = [(await http.request(verb, url)).status_code for verb in ("GET", "DELETE")]
    assert answer.status_code == status
    assert streams == [401 if status == 401 else 405] * 2


async def test_calls_are_in_the_audit_log(connect, memory: Memory) -> None:
    async with connect() as session:
        added = await session.call_tool("add_memory", {"text": "Ada drinks tea."})
        await session.call_tool("search_memory", {"query": "tea"})
        id = added.structured_content["memory"]["id"]
        plan = await session.call_tool("forget_memory", {"ids": [id]})
        token = plan.structured_content["confirmation"]
        await session.call_tool("forget_memory", {"ids": [id], "confirmation": token})
    log = AuditLog(memory.engine.store).list()
    assert sorted(entry.verb for entry in log) == ["add", "forget", "get", "search"]
