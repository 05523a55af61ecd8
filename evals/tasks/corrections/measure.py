"""Measures of spoken corrections: those of the files held out, and alarms in real conversations.

    python -m memagent.evals.tasks.corrections.measure multilingual --beam FOLDER --locomo FILE

Every turn goes through `Conversation.say`, with the replies as they stand in the data. A found
correction counts if the right record is named; an alarm is any other proposal.
"""

import argparse
import json
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memagent.agent.agent import Agent
from memagent.agent.conversation import Conversation
from memagent.evals.metrics.statistics import wilson
from memagent.evals.tasks.conversations.conversation import DataSet, Turn
from memagent.evals.tasks.conversations.loaders import beam, locomo
from memagent.evals.tasks.corrections.examples import DATA
from memagent.memory.memory import Memory
from memagent.testing import ScriptedChat
from memagent.types import Records, Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Correction found in a turn of a user: the text of the record, None if there is none.

    `states` says whether the turn states something.
    """

    text: str
    corrects: str | None
    states: bool


def held_out() -> Iterator[tuple[str, Sequence[tuple[str, str]], str, str]]:
    """Yield (language, turns, correction, corrected text) of the files held out."""
    for file in sorted((DATA / "held_out").glob("*.toml")):
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        for each in data["conversations"]:
            turns = [(said, replied) for said, replied in each["turns"]]
            yield data["language"], turns, each["said"], turns[each["corrects"]][0]


def talked(memory: Memory, turns: Sequence[tuple[str, str]], user: str) -> Iterator[Found]:
    """Yield what each turn (said, replied) of a conversation is found to correct."""
    replies = iter([reply for _, reply in turns])
    agent = Agent(memory=memory, model=ScriptedChat(lambda _: next(replies)))
    conversation = Conversation(agent, Scope(user))
    for said, _ in turns:
        list(conversation.say(said))
        answer, proposal = conversation.last, conversation.proposal
        record = memory.get(answer.turn[:1], scope=user) if answer else Records()
        yield Found(
            text=said,
            corrects=None if proposal is None else proposal.record.text,
            states=bool(record) and record[0].evidence,
        )


def recall(embedder: str) -> list[dict[str, Any]]:
    """Return for each language of the held-out files how many corrections are found."""
    rows: dict[str, list[str]] = {}
    alarms = 0
    with Memory.in_memory(embedder=embedder) as memory:
        for number, (language, turns, said, corrected) in enumerate(held_out()):
            *before, last = talked(memory, [*turns, (said, "OK.")], f"user {number}")
            alarms += sum(each.corrects is not None for each in before)
            kind = "right" if last.corrects == corrected else "wrong"
            rows.setdefault(language, []).append(kind if last.corrects else "none")
    rows["all"] = [each for found in rows.values() for each in found]
    return [
        {
            "language": language,
            "n": len(found),
            "right": found.count("right"),
            "wrong": found.count("wrong"),
            "interval": [round(end, 3) for end in wilson(found.count("right"), len(found))],
        }
        for language, found in rows.items()
    ] + [{"alarms in the turns before": alarms}]


def alarms(embedder: str, data: Sequence[DataSet], limit: int | None) -> Iterator[dict[str, Any]]:
    """Yield the alarms of each conversation, and the counts; at most `limit` turns of each."""
    for each in data:
        for talk in each.conversations:
            for speaker in sorted({turn.name for turn in talk.turns if turn.role == "user"}):
                turns = list(pairs(talk.turns, speaker))[:limit]
                with Memory.in_memory(embedder=embedder) as memory:
                    found = list(talked(memory, turns, "user"))
                proposals = [(one.text, one.corrects) for one in found if one.corrects]
                yield {
                    "conversation": f"{each.name} {talk.id} {speaker}".strip(),
                    "turns": len(found),
                    "statements": sum(one.states for one in found),
                    "alarms": len(proposals),
                    "proposals": proposals,
                }


def pairs(turns: Sequence[Turn], speaker: str) -> Iterator[tuple[str, str]]:
    """Yield (said, replied) with one speaker as the user and whoever answers as the assistant."""
    said = ""
    for turn in turns:
        if turn.role == "user" and turn.name == speaker:
            if said:
                yield said, "OK."
            said = turn.text
        elif said:
            yield said, turn.text
            said = ""


def main() -> None:
    """Measure, and print a JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("embedder")
    parser.add_argument("--beam", type=Path)
    parser.add_argument("--locomo", type=Path)
    parser.add_argument("--limit", type=int)
    options = parser.parse_args()
    data = [beam.load(options.beam)] if options.beam else []
    data += [locomo.load(options.locomo)] if options.locomo else []
    for row in [] if data else recall(options.embedder):
        print(json.dumps(row, ensure_ascii=False))
    for row in alarms(options.embedder, data, options.limit):
        print(json.dumps(row, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
