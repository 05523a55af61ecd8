from memagent import Memory, Scope
from memagent.tools.memory import memory_tools


def test_the_tools_search_and_add_within_their_scope_only(memory: Memory, ada: Scope) -> None:
    memory.add("the code is 9999", scope=Scope(user="bob"))
    search, add = memory_tools(memory, ada)
    assert search.invoke({"query": "code"}) == "nothing found"
    told = add.invoke({"text": "the code is 1234"})
    (record,) = memory.list(scope=ada)
    assert told == f"remembered as {record.id}"
    assert search.invoke({"query": "code"}) == f"[{record.id}] the code is 1234"
