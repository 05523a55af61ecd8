from pathlib import Path

import numpy as np
from judging import NAMES, first, judge, told
from teaching import agent_of

from memagent import Memory, Scope
from memagent.memory.ranking import is_better, questions_of
from memagent.recall.features import FEATURES
from memagent.recall.ranker import shipped
from memagent.recall.training import Floats
from memagent.stores.database.filters import Filter
from memagent.testing import HashEmbedder, ScriptedChat

BOB = Scope(user="bob")


def test_what_helped_is_found_first_in_what_was_never_judged(memory: Memory, ada: Scope) -> None:
    told(memory, ada, "Vera")
    assert first(memory, ada, "Vera") == "Oslo"
    judge(memory, ada, NAMES[:14])
    found = memory.changes.learn_ranking(scope=ada, who="ada", why="a try")
    assert found.change is not None
    assert found.questions == 14
    assert found.before < found.after
    assert first(memory, ada, "Vera") == "Rome"
    (change,) = memory.changes.list(scope=ada)
    assert change == found.change
    assert (change.feedback, change.who, change.why) == ("ranking", "ada", "a try")


def test_undo_brings_the_shipped_weights_back(memory: Memory, ada: Scope) -> None:
    told(memory, ada, "Vera")
    judge(memory, ada, NAMES[:14])
    one = memory.changes.learn_ranking(scope=ada).change
    two = memory.changes.learn_ranking(scope=ada).change
    assert one is not None
    assert two is not None
    assert two.superseded == one.id
    memory.changes.undo(two.id, scope=ada)
    assert first(memory, ada, "Vera") == "Rome"
    undone = memory.changes.undo(one.id, scope=ada, why="no good")
    assert undone.because == "no good"
    assert memory.engine.rankings.of(ada) is shipped()
    assert first(memory, ada, "Vera") == "Oslo"
    assert memory.maintenance.verify() == ()


def test_what_is_no_better_is_not_kept(memory: Memory, ada: Scope) -> None:
    for n, name in enumerate(NAMES[:14]):
        judge(memory, ada, [name], right=n % 2)  # without rhyme or reason
    found = memory.changes.learn_ranking(scope=ada)
    assert found.change is None
    assert "no better" in found.why
    assert memory.engine.rankings.of(ada) is shipped()
    assert memory.changes.list(scope=ada) == []
    assert memory.changes.learn_ranking(scope=ada, check=False).change is not None


def test_few_verdicts_teach_nothing(memory: Memory, ada: Scope) -> None:
    judge(memory, ada, NAMES[:3])
    found = memory.changes.learn_ranking(scope=ada, check=False)
    assert (found.questions, found.change) == (3, None)
    assert found.why.startswith("3 judged questions")


def test_users_and_agents_learn_apart(memory: Memory, ada: Scope) -> None:
    helper = Scope(user="ada", agent="helper")
    for scope in (ada, helper, BOB):
        told(memory, scope, "Vera")
    judge(memory, ada, NAMES[:14])
    assert memory.changes.learn_ranking(scope=ada).change is not None
    assert memory.engine.rankings.of(BOB) is shipped()
    assert first(memory, BOB, "Vera") == "Oslo"
    assert first(memory, helper, "Vera") == "Rome"  # an agent without a ranking takes the user's
    judge(memory, helper, NAMES[:14], right=1)
    assert memory.changes.learn_ranking(scope=helper, check=False).change is not None
    assert first(memory, helper, "Vera") == "Oslo"
    assert memory.engine.rankings.of(ada) is not memory.engine.rankings.of(helper)


def test_no_search_finds_a_ranking(memory: Memory, ada: Scope) -> None:
    judge(memory, ada, NAMES[:14])
    change = memory.changes.learn_ranking(scope=ada).change
    assert change is not None
    query = "Ranking learned from 14 questions"
    for found in (
        memory.search(query, scope=ada, roles="all", k=100),
        memory.search(query, scope=ada, kind="lesson", k=100),
        memory.recall(query, scope=ada).hits,
    ):
        assert change.id not in [hit.record.id for hit in found]
    assert change.id not in [record.id for record in memory.list(scope=ada)]


def test_forgetting_leaves_no_words_and_forgetting_all_drops_the_ranking(
    memory: Memory, ada: Scope
) -> None:
    judge(memory, ada, NAMES[:14])
    assert memory.changes.learn_ranking(scope=ada).change is not None
    for record in memory.list(scope=ada, limit=1000):
        memory.forget([record.id], scope=ada)
    assert memory.users() == ()
    assert memory.engine.rankings.of(ada) is shipped()
    assert memory.engine.store.query("SELECT * FROM records") == []


def test_a_ranking_goes_with_an_export(memory: Memory, ada: Scope) -> None:
    judge(memory, ada, NAMES[:14])
    told(memory, ada, "Vera")
    memory.changes.learn_ranking(scope=ada)
    lines = list(memory.maintenance.export(scope=ada))
    with Memory.in_memory(embedder=HashEmbedder()) as other:
        other.maintenance.import_(lines)
        assert first(other, ada, "Vera") == "Rome"
        (change,) = other.changes.list(scope=ada)
        other.changes.undo(change.id, scope=ada)
        assert first(other, ada, "Vera") == "Oslo"


def test_a_damaged_or_older_ranking_is_not_used(memory: Memory, ada: Scope) -> None:
    judge(memory, ada, NAMES[:14])
    memory.changes.learn_ranking(scope=ada)
    assert memory.engine.rankings.of(ada) is not shipped()
    with memory.engine.store.transaction() as db:
        db.execute(
            "UPDATE records SET metadata = replace(metadata, ?, 'old')", (next(iter(FEATURES)),)
        )
    assert memory.engine.rankings.of(ada) is shipped()
    with memory.engine.store.transaction() as db:
        db.execute("UPDATE records SET metadata = '{' WHERE kind = 'lesson'")
    assert memory.engine.rankings.of(ada) is shipped()


def test_who_has_the_store_open_already_sees_it(tmp_path: Path, ada: Scope) -> None:
    with (
        Memory.open(tmp_path, embedder=HashEmbedder()) as one,
        Memory.open(tmp_path, embedder=HashEmbedder()) as other,
    ):
        told(one, ada, "Vera")
        assert first(other, ada, "Vera") == "Oslo"
        judge(one, ada, NAMES[:14])
        change = one.changes.learn_ranking(scope=ada).change
        assert change is not None
        assert first(other, ada, "Vera") == "Rome"
        other.changes.undo(change.id, scope=ada)
        assert first(one, ada, "Vera") == "Oslo"


def test_of_what_was_shown_with_a_good_answer_only_what_it_cites_is_right(
    memory: Memory, ada: Scope
) -> None:
    memory.add("Ada works in the tower.", scope=ada)
    cited = memory.add("Ada works in Lisbon by the river.", scope=ada)
    memory.add("Ada works late.", scope=ada)
    agent = agent_of(memory)
    agent.driver.use(ScriptedChat(["In Lisbon, by the river."]))
    answer = agent.ask("Where does Ada work?", scope=ada)
    assert len(answer.memories) == 3
    agent.feedback(answer, scope=ada, verdict="good")
    (question,) = questions_of(memory.engine, ada)
    assert question.gold.sum() == 1
    seen = memory.engine.pipeline.examine(
        "Where does Ada work?",
        memory.engine.encoder.query("Where does Ada work?"),
        Filter(scope=ada, evidence=True),
        5,
    )
    assert seen.candidates.records[question.gold].tolist() == [cited.seq]


def test_what_a_correction_took_the_place_of_is_right(memory: Memory, ada: Scope) -> None:
    memory.add("Ada works in Rome.", scope=ada)
    memory.add("Ada has a dog.", scope=ada)
    agent = agent_of(memory)
    answer = agent.ask("Where does Ada work?", scope=ada)
    done = agent.feedback(answer, scope=ada, correction="Ada works in Lisbon.")
    assert done.change is not None
    assert done.change.superseded is not None
    (question,) = questions_of(memory.engine, ada)
    assert (len(question), question.gold.sum()) == (2, 1)  # the lesson was not there yet
    memory.changes.undo(done.change.id, scope=ada)
    assert questions_of(memory.engine, ada) == []


def test_an_outcome_does_not_teach_that_it_was_judged(memory: Memory, ada: Scope) -> None:
    judge(memory, ada, NAMES[:1])
    (question,) = questions_of(memory.engine, ada)
    columns = [list(FEATURES).index(name) for name in ("helped", "hurt")]
    assert question.matrix[:, columns].max() == 0


def test_better_is_more_than_chance() -> None:
    assert not is_better(*pairs([1.0, 0.5, 0.5], [0.5, 1.0, 0.5]))
    assert not is_better(*pairs([0.5] * 10, [0.5] * 10))
    assert not is_better(*pairs([0.5] * 10, [0.5] * 8 + [1.0] * 2))
    assert is_better(*pairs([0.5] * 10, [0.5] * 5 + [1.0] * 5))


def pairs(before: list[float], after: list[float]) -> tuple[Floats, Floats]:
    return np.array(before), np.array(after)
