"""The reranker behind a server, over the real wire."""

import pytest
from forking import in_child

from memagent.errors import ModelUnavailable
from memagent.recall.rerank_server import RemoteReranker
from memagent.recall.reranker import MAX_CHARACTERS, open_reranker
from memagent.testing import Drop, Fail, Garble, Hang, StubServer

pytestmark = pytest.mark.wire
TEXTS = ["a", "ccc", "bb"]
SECONDS = 30.0


def length(question: str, text: str) -> float:
    return len(question) + len(text)


def lengths(server: StubServer, texts: list[str] = TEXTS, **options: str) -> list[float]:
    return RemoteReranker(server.url, **options).scores("q", texts, SECONDS)


def paths(server: StubServer) -> list[str]:
    return [path for path, _ in server.rerank_requests]


def test_scores_come_in_the_order_of_the_texts() -> None:
    with StubServer(scorer=length) as server:
        reranker = open_reranker(f"server:{server.url}", seconds=SECONDS)
        assert reranker.scores("q", TEXTS) == [2, 4, 3]
        body = {"model": "stub-model", "query": "q", "documents": TEXTS, "top_n": 3}
        assert server.rerank_requests == [("/v1/rerank", body)]
        assert reranker.name == f"{server.url}#stub-model"


@pytest.mark.parametrize(
    ("there", "tried"),
    [
        (["/v1/rerank", "/score"], ["/v1/rerank", "/v1/rerank"]),
        (["/rerank", "/score"], ["/v1/rerank", "/rerank", "/rerank"]),
        (["/v1/score"], ["/v1/rerank", "/rerank", "/v1/score", "/v1/score"]),
        (["/score"], ["/v1/rerank", "/rerank", "/v1/score", "/score", "/score"]),
    ],
)
@pytest.mark.parametrize("status", [404, 405, 501])
def test_the_endpoint_that_there_is_is_found_and_remembered(
    there: list[str], tried: list[str], status: int
) -> None:
    absent = {path: Fail(status, "no") for path in tried if path not in there}
    with StubServer(scorer=length, rerank_paths=there, pages=absent) as server:
        reranker = RemoteReranker(server.url)
        assert reranker.scores("q", TEXTS, SECONDS) == [2, 4, 3]
        assert reranker.scores("qq", TEXTS, SECONDS) == [3, 5, 4]
        assert paths(server) == tried


def test_score_takes_the_question_and_the_texts() -> None:
    with StubServer(scorer=length, rerank_paths=["/score"]) as server:
        assert lengths(server) == [2, 4, 3]
        body = {"model": "stub-model", "text_1": "q", "text_2": TEXTS}
        assert server.rerank_requests[-1] == ("/score", body)


def test_an_address_may_end_before_v1() -> None:
    with StubServer(scorer=length, rerank_paths=["/v1/rerank"]) as server:
        reranker = RemoteReranker(server.url.removesuffix("/v1"))
        assert reranker.scores("q", TEXTS, SECONDS) == [2, 4, 3]
        assert paths(server) == ["/rerank", "/v1/rerank"]
        assert server.rerank_requests[-1][1]["model"] == "stub-model"


def test_a_server_that_is_replaced_is_looked_at_again() -> None:
    with StubServer(scorer=length, rerank_paths=["/rerank"]) as server:
        reranker = RemoteReranker(server.url)
        assert reranker.scores("q", TEXTS, SECONDS) == [2, 4, 3]
        server.rerank_paths = ["/score"]
        assert reranker.scores("q", TEXTS, SECONDS) == [2, 4, 3]
        assert paths(server)[-1] == "/score"


def test_the_key_and_the_model_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with StubServer(scorer=length, api_key="k", models=["one", "two"]) as server:
        assert lengths(server, api_key="k", model="two") == [2, 4, 3]
        assert server.rerank_requests[-1][1]["model"] == "two"
        monkeypatch.setenv("MEMAGENT_API_KEY", "the chat model's")
        monkeypatch.setenv("MEMAGENT_RERANKER_KEY", "k")
        spec = f"server:{server.url}#one"
        assert open_reranker(spec, seconds=SECONDS).scores("q", TEXTS) == [2, 4, 3]
        assert open_reranker(spec, api_key="wrong", seconds=SECONDS).scores("q", TEXTS) is None
        with pytest.raises(ModelUnavailable, match=r"reranker at .* answers 401: wrong key$"):
            lengths(server, api_key="wrong")


@pytest.mark.parametrize("page", [Fail(404), {"object": "list", "data": []}])
def test_a_server_that_lists_no_models_is_asked_for_none(page: object) -> None:
    with StubServer(scorer=length, pages={"/v1/models": page}) as server:
        assert lengths(server) == [2, 4, 3]
        assert "model" not in server.rerank_requests[-1][1]


def test_texts_that_are_too_long_for_the_server_are_cut_until_they_fit() -> None:
    with StubServer(scorer=length, context=200) as server:
        assert lengths(server, ["x " * 1000, "y"]) == [251, 2]
        asked = [[len(text) for text in body["documents"]] for _, body in server.rerank_requests]
        assert asked == [[2000, 1], [1000, 1], [500, 1], [250, 1]]
        assert lengths(server, ["x " * 150, "y"]) == [301, 2]  # another question is cut by its own


def test_a_server_that_refuses_the_shortest_texts_is_one_clear_line() -> None:
    with (
        StubServer(scorer=length, context=1) as server,
        pytest.raises(ModelUnavailable, match=r"refuses texts of \d\d characters"),
    ):
        lengths(server, ["x " * 1000, "y"])


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        (Fail(500, "q is what I was asked"), r"answers 500$"),
        (Fail(503, "loading"), r"answers 503: loading$"),
        (Fail(400, "q is bad"), r"answers 400$"),
        (Drop(), r"no reranker answers at http://127.0.0.1:\d+/v1: "),
        (Garble(), "does not answer as a reranker"),
        (Garble("[]"), "does not answer as a reranker"),
        ({"hello": "there"}, "does not answer as a reranker"),
        ({"results": [{"index": 0, "relevance_score": 1}]}, "1 scores for 3 texts"),
        ({"results": [{"index": 0, "relevance_score": 1}] * 3}, "3 scores for 3 texts"),
        ({"results": [{"index": n + 1, "relevance_score": 1} for n in range(3)]}, "numbered"),
        ({"results": [{"index": n, "relevance_score": None} for n in range(3)]}, "as a reranker"),
        ({"results": [{"index": n} for n in range(3)]}, "does not answer as a reranker"),
    ],
)
def test_what_goes_wrong_is_one_clear_line(page: object, problem: str) -> None:
    with StubServer(scorer=length, pages={"/v1/rerank": page}) as server:
        with pytest.raises(ModelUnavailable, match=problem) as caught:
            lengths(server)
        assert "\n" not in str(caught.value)
        assert open_reranker(f"server:{server.url}", seconds=SECONDS).scores("q", TEXTS) is None


def test_scores_that_are_no_numbers_are_none() -> None:
    rows = [{"index": place, "relevance_score": float("nan")} for place in range(3)]
    with StubServer(scorer=length, pages={"/v1/rerank": {"results": rows}}) as server:
        assert open_reranker(f"server:{server.url}", seconds=SECONDS).scores("q", TEXTS) is None


def test_a_model_that_is_not_there_is_not_taken_for_a_missing_endpoint() -> None:
    with StubServer(scorer=length) as server:
        with pytest.raises(ModelUnavailable, match=r"answers 404: The model `nope` does not exist"):
            lengths(server, model="nope")
        assert paths(server) == ["/v1/rerank"]


def test_a_server_of_a_chat_model_is_one_clear_line() -> None:
    with (
        StubServer() as server,
        pytest.raises(ModelUnavailable, match=r"neither /rerank nor /score: .*--runner pooling"),
    ):
        lengths(server)


def test_a_server_that_is_not_there_is_one_clear_line() -> None:
    with pytest.raises(ModelUnavailable, match=r"no reranker answers at http://127.0.0.1:9/v1: "):
        RemoteReranker("http://u:secret@127.0.0.1:9/v1").scores("q", TEXTS, SECONDS)


def test_a_server_that_does_not_answer_in_time_is_left() -> None:
    with StubServer(scorer=length, pages={"/v1/rerank": Hang()}) as server:
        with pytest.raises(ModelUnavailable, match="no reranker answers"):
            RemoteReranker(server.url, "stub-model").scores("q", TEXTS, 0.05)
        assert server.wait_for(lambda stub: stub.disconnects == 1)


def test_a_forked_child_has_connections_of_its_own() -> None:
    with StubServer(scorer=length) as server:
        reranker = RemoteReranker(server.url)
        assert reranker.scores("q", TEXTS, SECONDS) == [2, 4, 3]
        assert in_child(lambda: reranker.scores("qq", TEXTS, SECONDS)) == [3, 5, 4]
        assert reranker.scores("q", TEXTS, SECONDS) == [2, 4, 3]


def test_texts_are_cut_before_they_are_sent() -> None:
    with StubServer(scorer=length) as server:
        open_reranker(f"server:{server.url}", seconds=SECONDS).scores("q" * 9000, ["x" * 9000])
        body = server.rerank_requests[-1][1]
        assert (len(body["query"]), len(body["documents"][0])) == (MAX_CHARACTERS, MAX_CHARACTERS)
