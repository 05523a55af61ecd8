"""A small file of conversations in LoCoMo's released layout."""

import json
from pathlib import Path
from typing import Any

SAID = {
    "1": ["Ann: I moved to Graz in May.", "Ben: My dog Rex is ill.", "Ann: Poor Rex!"],
    "2": ["Ben: The vet saw Rex today.", "Ann: I start as a baker.", "Ben: Well done."],
    "3": ["Ann: Graz is rainy.", "Ben: I bought a red bicycle."],
}
ASKED: list[dict[str, Any]] = [
    {"question": "Who moved to Graz?", "answer": "Ann", "category": 4, "evidence": ["D1:1"]},
    {
        "question": "What is told of Rex?",
        "answer": "ill",
        "category": 1,
        "evidence": ["D1:2", "D2:1"],
    },
    {"question": "When was rain?", "answer": "June", "category": 2, "evidence": ["D3:1"]},
    {"question": "Why so?", "answer": "no reason", "category": 3, "evidence": []},
    {
        "question": "Who bought a bicycle, Ann?",
        "adversarial_answer": "red",
        "category": 5,
        "evidence": ["D3:2"],
    },
]


def locomo_file(folder: Path, asked: list[dict[str, Any]] = ASKED, copies: int = 2) -> Path:
    """Write the same conversation several times, with its questions."""
    talk: dict[str, Any] = {"speaker_a": "Ann", "speaker_b": "Ben"}
    for session, lines in SAID.items():
        talk[f"session_{session}_date_time"] = f"1:0{session} pm on 8 May, 2023"
        talk[f"session_{session}"] = [
            {"speaker": line[:3], "dia_id": f"D{session}:{place}", "text": line[5:]}
            for place, line in enumerate(lines, start=1)
        ]
    path = folder / "locomo.json"
    rows = [
        {"sample_id": f"conv-{number}", "conversation": talk, "qa": asked}
        for number in range(copies)
    ]
    path.write_text(json.dumps(rows))
    return path
