"""Relevance: whether what was found answers a question, as probability, with its ROC.

    python bench/relevance.py --squad FILE [--embedder multilingual] [--locomo FILE]

Questions that the memory answers are told from those that it does not: questions about generated
conversations that nobody answered, questions about one conversation asked of another, SQuAD's
questions asked of another article's passages, and questions about a notebook asked of somebody
else's. Each group is measured with weights fitted on all others, and has as much weight as any
other. It prints what `memagent/recall/relevance.py` keeps: the weights and a threshold at which a
share of the answerable questions is lost. LoCoMo (--locomo) is measured, and nothing is fitted to
it.
"""

import argparse
import json
import pickle
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.stats import rankdata

from memagent import Memory, Scope
from memagent.evals.tasks.conversations.conversation import ConversationQuestion, DataSet
from memagent.evals.tasks.conversations.generator.generate import generate
from memagent.evals.tasks.conversations.ingestion import ingest
from memagent.evals.tasks.conversations.loaders import locomo
from memagent.evals.tasks.notes.notebooks import DIARY, LANGUAGES, notebook
from memagent.recall.relevance import FEATURES, TOP, features

LOST = (0.01, 0.02, 0.05)
"""Shares of the answerable questions that a threshold may lose."""
L2 = 0.02
RESAMPLES = 1000
ASKED = 40
"""Questions of a group at most that are asked of another's memory."""


@dataclass
class Group:
    """Questions of one kind: their features (questions x FEATURES), and which are answerable."""

    name: str
    values: np.ndarray
    answerable: np.ndarray
    fitted: bool = True


class Asking:
    """Asks a memory in RAM, and keeps the features of what it finds."""

    def __init__(self, memory: Memory, seed: int) -> None:
        self.memory = memory
        self.random = random.Random(seed)
        self.rows: dict[str, list[tuple[list[float], int]]] = {}
        self.fitted: dict[str, bool] = {}

    def ask(self, group: str, question: str, scope: str, answerable: bool, fitted: bool) -> None:
        hits = self.memory.search(question, scope=Scope(user=scope), k=TOP, explain=True)
        values = [features(hits)[name] for name in FEATURES]
        self.rows.setdefault(group, []).append((values, int(answerable)))
        self.fitted[group] = fitted

    def conversations(self, group: str, data: DataSet, *, fitted: bool = True) -> None:
        """Ask of each conversation its own questions, and some of another's."""
        ids = [talk.id for talk in data.conversations]
        for talk in data.conversations:
            ingest(self.memory, talk, Scope(user=talk.id))
        asked = [each for each in data.questions if each.unanswerable or each.evidence]
        some = self.random.sample(asked, min(len(asked), 5 * ASKED))
        unanswerable = [each for each in asked if each.unanswerable]
        own = {each.id: each for each in [*some, *unanswerable]}
        for each in own.values():
            self.ask(group, each.question, each.story, not each.unanswerable, fitted)
            if not each.unanswerable:
                self.ask(f"{group}, of another", each.question, each.story, True, fitted)
        self._of_others(f"{group}, of another", asked, ids, fitted)

    def _of_others(
        self, group: str, asked: Sequence[ConversationQuestion], ids: Sequence[str], fitted: bool
    ) -> None:
        known = [each for each in asked if not each.unanswerable]
        for each in self.random.sample(known, min(ASKED, len(known))):
            other = self.random.choice([id for id in ids if id != each.story])
            self.ask(group, each.question, other, False, fitted)

    def squad(self, path: Path) -> None:
        """Ask of each article its own questions, and each of another article, too."""
        articles = json.loads(path.read_text(encoding="utf-8"))["data"]
        for article in articles:
            texts = [paragraph["context"] for paragraph in article["paragraphs"]]
            self.memory.add_many(texts, scope=Scope(user=article["title"]))
        titles = [article["title"] for article in articles]
        for article in articles:
            rows = [row for paragraph in article["paragraphs"] for row in paragraph["qas"]]
            asked = [row["question"] for row in rows if row["answers"]]
            for question in self.random.sample(asked, min(ASKED, len(asked))):
                other = self.random.choice([name for name in titles if name != article["title"]])
                self.ask("SQuAD", question, article["title"], True, True)
                self.ask("SQuAD", question, other, False, True)

    def notebooks(self) -> None:
        """Ask of each notebook its own questions, and of another person's in the language."""
        books = {
            name: notebook(name, "development" if name == DIARY else None)
            for name in (DIARY, *LANGUAGES)
        }
        for name, book in books.items():
            texts = [turn.text for turn in book.conversations[0].turns]
            self.memory.add_many(texts, scope=Scope(user=f"notes {name}"))
        for mine, other in ((DIARY, "en"), ("en", DIARY)):
            for each in books[mine].questions:
                self.ask("notes", each.question, f"notes {mine}", True, True)
                self.ask("notes", each.question, f"notes {other}", False, True)
        for each in notebook(DIARY, "held-out").questions:
            self.ask("diary, held out", each.question, f"notes {DIARY}", True, False)
            self.ask("diary, held out", each.question, "notes en", False, False)

    def groups(self) -> list[Group]:
        return [
            Group(
                name,
                np.array([values for values, _ in rows]),
                np.array([answerable for _, answerable in rows]),
                self.fitted[name],
            )
            for name, rows in self.rows.items()
        ]


def fit(groups: Sequence[Group]) -> tuple[np.ndarray, float]:
    """Return weights and intercept; groups, and both sides of each, have the same weight."""
    values = np.concatenate([group.values for group in groups])
    answerable = np.concatenate([group.answerable for group in groups])
    weights = np.concatenate([_balanced(group.answerable) for group in groups]) / len(groups)
    mean, scale = values.mean(0), values.std(0) + 1e-9
    table = np.c_[np.ones(len(values)), (values - mean) / scale]

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        logits = table @ parameters
        signed = np.where(answerable == 1, -logits, logits)
        ridge = np.r_[0.0, parameters[1:]]
        slope = table.T @ (weights * (1 / (1 + np.exp(-logits)) - answerable)) + 2 * L2 * ridge
        return float(weights @ np.logaddexp(0, signed) + L2 * ridge @ ridge), slope

    found = minimize(loss, np.zeros(table.shape[1]), jac=True, method="L-BFGS-B").x
    return found[1:] / scale, float(found[0] - found[1:] @ (mean / scale))


def _balanced(answerable: np.ndarray) -> np.ndarray:
    yes = max(1, int(answerable.sum()))
    no = max(1, len(answerable) - yes)
    return np.where(answerable == 1, 0.5 / yes, 0.5 / no)


def auc(scores: np.ndarray, answerable: np.ndarray) -> float:
    """Return the area under the ROC: how often an answerable question scores above another."""
    yes = answerable == 1
    ranks, positive, negative = rankdata(scores), int(yes.sum()), int((~yes).sum())
    return (ranks[yes].sum() - positive * (positive + 1) / 2) / (positive * negative)


def interval(scores: np.ndarray, answerable: np.ndarray) -> tuple[float, float]:
    """Return the 95% bootstrap interval of the area under the ROC."""
    rng, sides = np.random.default_rng(0), [np.flatnonzero(answerable == side) for side in (0, 1)]
    areas = []
    for _ in range(RESAMPLES):
        drawn = np.concatenate([rng.choice(side, len(side)) for side in sides])
        areas.append(auc(scores[drawn], answerable[drawn]))
    low, high = np.quantile(areas, [0.025, 0.975])
    return float(low), float(high)


def probabilities(group: Group, weights: np.ndarray, intercept: float) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-(group.values @ weights + intercept))))


def _kin(name: str) -> str:
    """Return what two groups share that must not be fitted on one and measured on the other."""
    return name.partition(", of another")[0]


def measured(groups: Sequence[Group]) -> Iterator[tuple[Group, np.ndarray]]:
    """Yield each group with probabilities by weights that were fitted without it."""
    for group in groups:
        rest = [each for each in groups if each.fitted and _kin(each.name) != _kin(group.name)]
        yield group, probabilities(group, *fit(rest))


def report(groups: Sequence[Group]) -> str:
    """Return the areas, the weights, and what each threshold loses and finds, in Markdown."""
    held_out = list(measured(groups))
    weighted = [
        (value, share)
        for group, scores in held_out
        if group.fitted
        for value, share in zip(
            scores[group.answerable == 1],
            _balanced(group.answerable)[group.answerable == 1],
            strict=True,
        )
    ]
    weighted.sort()
    shares = np.cumsum([share for _, share in weighted])
    limits = [weighted[int(np.searchsorted(shares, lost * shares[-1]))][0] for lost in LOST]
    columns = [f"lost / found out at {limit:.3f}" for limit in limits]
    lines = [
        " | ".join(["group", "answerable", "not", "AUC (95%)", *columns]),
        " | ".join(["---"] * (4 + len(columns))),
    ]
    for group, scores in held_out:
        yes = group.answerable == 1
        low, high = interval(scores, group.answerable)
        cells = [
            f"{(scores[yes] < limit).mean():.1%} / {(scores[~yes] < limit).mean():.1%}"
            for limit in limits
        ]
        area = f"{auc(scores, group.answerable):.3f} ({low:.3f}-{high:.3f})"
        lines.append(" | ".join([group.name, str(yes.sum()), str((~yes).sum()), area, *cells]))
    weights, intercept = fit([group for group in groups if group.fitted])
    named: Mapping[str, float] = dict(zip(FEATURES, np.round(weights, 3).tolist(), strict=True))
    kept = dict(zip(LOST, np.round(limits, 3).tolist(), strict=True))
    return "\n".join([*lines, "", f"intercept {intercept:.3f}, weights {named}, thresholds {kept}"])


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="Whether what was found answers a question.")
    parser.add_argument("--embedder", default="all-MiniLM-L6-v2")
    parser.add_argument("--languages", default="en,de,es,zh", help="of generated conversations")
    parser.add_argument("--seeds", default="901,903", help="of generated conversations")
    parser.add_argument("--squad", type=Path, help="a SQuAD file")
    parser.add_argument("--locomo", type=Path, help="a LoCoMo file, which is only measured")
    parser.add_argument("--out", type=Path, help="keep the features here")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with Memory.in_memory(embedder=asked.embedder) as memory:
        asking = Asking(memory, asked.seed)
        asking.notebooks()
        if asked.squad:
            asking.squad(asked.squad)
        for language in asked.languages.split(","):
            for style in ("people", "assistant"):
                for seed in map(int, asked.seeds.split(",")):
                    data = generate(name=style, style=style, language=language, seed=seed)
                    asking.conversations(f"{style}, {language}", data)
        if asked.locomo:
            asking.conversations("LoCoMo", locomo.load(asked.locomo), fitted=False)
    groups = asking.groups()
    if asked.out:
        asked.out.write_bytes(pickle.dumps(groups))
    print(report(groups))


if __name__ == "__main__":
    main()
