"""Precision of an embedder on this machine: the fastest that is as accurate as float32."""

import json
import logging
import os
import platform
import re
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from memagent.files import write_atomic

logger = logging.getLogger(__name__)

BENCHMARK_PASSAGES = tuple(
    line.strip()
    for line in """
    Mary moved to the bathroom and left her umbrella on the chair.
    The dentist has put my appointment off until Thursday at half past nine.
    My sister Ana is allergic to peanuts, so we never bake with them.
    The spare key hangs behind the blue curtain in the hall.
    Our flight to Lisbon leaves from gate 14 and was an hour late last time.
    The invoice of March was paid twice, and the bank returned the second sum in April.
    John likes green tea in the morning and nothing but water after six.
    The printer on the second floor jams whenever it gets recycled paper.
    We agreed to ship the new release on the first Monday of every month.
    The cat was found asleep in the laundry basket, under the clean towels.
    Grandmother's recipe wants two cups of flour, a pinch of salt and a whole lemon.
    The password policy asks for fourteen characters and a change every year.
    Water boils at a lower temperature in the mountains because the air is thinner.
    The museum closes on Tuesdays, except in August, when it is open every day.
    I promised Peter to send him the photographs of the wedding by Friday.
    The old bridge across the river was closed to lorries after the flood.
    Our database is backed up every night at two, and the copies are kept for ninety days.
    Nora's daughter starts school in September and wants to learn the violin.
    The heating in the office is turned down at weekends to save gas.
    The new colleague from Kenya speaks four languages and plays chess.
    A parcel from the bookshop was left with the neighbours at number twelve.
    The train to the coast takes three hours, and the bus takes nearly five.
    Please remember that the projector needs the longer cable from the cupboard.
    The doctor said that the tablets must be taken after meals and never with milk.
    The garden gate squeaks, and the hinge has to be oiled before the party.
    Sales in the north fell by eight per cent while those in the south rose a little.
    My favourite film is the one about the lighthouse keeper and his two sons.
    The library fines were dropped for everybody who brought the books back in June.
    The server in the cellar ran out of disk space because nobody deleted the logs.
    Tom broke his left arm when he fell off the ladder picking cherries.
    The lease of the flat ends in November, and the landlord wants an answer by August.
    The choir rehearses on Wednesdays in the small hall behind the church.
    The car failed its inspection because of a worn tyre and a cracked mirror.
    The meeting about the budget was moved from the large room to the canteen.
    Our dog is afraid of thunder and hides under the kitchen table.
    The committee voted seven to two for planting oaks along the main street.
    The blue folder holds the contracts, and the red one the insurance papers.
    Yesterday the football team lost in the last minute, after leading twice.
    Clara moved from Vienna to Oslo because her firm opened an office there.
    The recipe failed because the yeast was out of date and the kitchen too cold.
    The test suite takes eleven minutes on the old machine and four on the new one.
    My neighbour plays the trumpet every evening between seven and eight.
    The vaccine has to be kept between two and eight degrees at all times.
    The king in the play loses his crown in the second act and finds it in the fourth.
    The price of coffee went up after the frost ruined half of the harvest.
    The ferry does not run when the wind is stronger than sixty kilometres an hour.
    Julie prefers the window seat, and Bill always wants to sit on the aisle.
    The customer complained that the handle of the kettle came loose after a week.
    The volcano has been quiet since 1974, but the hot springs are still rising.
    The plumber replaced the valve under the sink and charged for half an hour.
    Photosynthesis turns light, water and carbon dioxide into sugar and oxygen.
    Daniel took the milk to the garden and left the football in the kitchen.
    The committee's report is two hundred pages long, and its summary is wrong about the cost.
    Her bicycle was stolen outside the station on the night of the concert.
    The exam consists of an essay, twenty short questions and a talk of ten minutes.
    The child asked why the moon follows the car when we drive home at night.
    The company grew from three people in a garage to four hundred in nine years.
    The tomatoes need water every day in July, and none when it rains.
    The function returns an empty list when the file is missing instead of raising an error.
    The judge ruled that the contract was void because nobody had signed the last page.
    Sandra picked up the apple, went back to the hallway and dropped it there.
    The wifi in the guest house is slow after dinner, when all the guests are in.
    The translator kept the puns of the first chapter and gave up on those of the third.
    Our holidays begin on the twelfth of July, and the house is booked for two weeks.
    The bakery sells yesterday's bread for half the price until it is gone.
    The glacier has shrunk by a third since the hut beside it was built.
    The old clock runs four minutes slow a week unless somebody winds it on Sunday.
    The nurse wrote down a temperature of thirty-nine and called the ward at once.
    The investors want to see a profit within two years, or they will sell their shares.
    The orchestra needs a second oboe, and the first bassoon is ill.
    The roof of the barn was mended with tiles from the church that burned down.
    The warranty covers the battery for two years and the screen for one.
    Emma is writing a novel about a village that wakes up under the sea.
    The river carries so much sand that the harbour has to be dredged every spring.
    The lift is out of order, and the technician comes on Wednesday with the part.
    The recording of the interview is unusable, since the microphone was never switched on.
    The tax office wants the form by the end of May, with the receipts attached.
    Our son has learned to swim, and he wants to jump from the high board now.
    The bees left the hive in the heat and settled in the chimney of the school.
    The new phone is lighter than the old one, but its battery lasts only a day.
    The map shows a path through the forest that has been gone for twenty years.
    The chef tastes every sauce twice and throws away the spoon each time.
    The parliament passed the law on packaging with a majority of a single vote.
    The telescope sees in infrared, so that dust does not hide young stars from it.
    Fred handed the book to Mary before he went to the cinema with Bill.
    The carpet was cleaned on Monday and is still damp beneath the piano.
    The goalkeeper trains alone in the morning and with the others after lunch.
    The merger was called off when the auditors found debts in a subsidiary.
    The letter from the embassy says that the visa takes six weeks this summer.
    The apprentice mixed the wrong shade of green, and the wall had to be painted again.
    The poem was written in one night, during the siege, on the back of a menu.
    The sensor reports the humidity every ten seconds, and drops a value when the link is busy.
    The bus driver waited for the old man who was running with two heavy bags.
    The soup is better on the second day, when the beans have taken up the smoke.
    The apartment above us has been empty since the musicians moved out in spring.
    The physicist explained entropy with a deck of cards and a broken cup.
    """.strip().splitlines()
)

BENCHMARK_QUESTIONS = tuple(
    line.strip()
    for line in """
    Where is Mary?
    When do I have to see the dentist?
    Who must not eat nuts?
    Where do we keep the spare key?
    What went wrong with the payment in March?
    What does John drink?
    How often do we release?
    Which animal was asleep among the towels?
    When is the museum closed?
    What did I promise Peter?
    How long are backups kept?
    Which instrument does the girl want to learn?
    Why did the server stop working?
    How did Tom hurt himself?
    Until when does the landlord want an answer?
    What is the dog afraid of?
    Where are the insurance papers?
    Why did Clara move to Norway?
    How long do the tests run?
    At what temperature is the vaccine stored?
    Why is coffee more expensive now?
    Who has the football?
    What was stolen at the station?
    What happens if the file does not exist?
    Is the contract valid?
    When are we going on holiday?
    What is the book about that Emma is working on?
    What has to be mended in the house?
    Which things are late?
    What did the doctor say about the medicine?
    """.strip().splitlines()
)


MIN_COSINE = 0.999
"""Least mean cosine to the vectors of float32."""
MIN_RECALL = 0.99
"""Least share of the ten nearest by float32 that are found."""
MIN_SPEED = 1.1
"""A precision that is less faster than this stays unused."""
NEAREST = 10
ROUNDS = 5
TIMED_PASSAGES = 8
VERSION = 1
"""Changes when earlier results no longer hold for this code."""


class Model(Protocol):
    """A sentence encoder in some precision."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return texts x dimensions, each row of length one."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchmarkResult:
    """Result of a benchmark: `speed` is a multiple of float32's, `chosen` the precision to use."""

    chosen: str
    tried: str
    speed: float
    cosine: float
    recall: float


def faster_precision(device: str) -> str:
    """Return the precision that may be faster than float32 on a device ("cpu" or "cuda")."""
    if device != "cpu":
        return "float16"
    return "bfloat16" if re.search(r"\b(avx512_bf16|amx_bf16|bf16)\b", processor()) else "float32"


def choose_precision(
    open_model: Callable[[str], Model], tried: str, description: str, file: Path | None
) -> tuple[str, Model]:
    """Return the precision to use and the model opened in it.

    `open_model` opens the model in a precision, and `tried` is the one that may be faster than
    float32. The result is stored in `file` by machine, torch version and `description`, which
    identifies the model. If the file cannot be read or written, the benchmark runs again.
    """
    if tried == "float32":
        return tried, open_model(tried)
    key = f"{VERSION} {tried} {description} on {_machine()}"
    known = _stored(file).get(key, {}).get("chosen")
    if known in ("float32", tried):
        return known, open_model(known)
    models = {name: open_model(name) for name in ("float32", tried)}
    result = benchmark(models["float32"], models[tried], tried)
    logger.info("embedder in %s: %.2f times as fast as float32", tried, result.speed)
    if file is not None:
        _store(file, key, result)
    return result.chosen, models[result.chosen]


def benchmark(reference: Model, other: Model, tried: str) -> BenchmarkResult:
    """Compare a model with the same model in float32, by accuracy and by speed."""
    cosine, recall = fidelity(reference, other)
    speed = _speed(reference, other, on_cpu=tried != "float16")
    good = cosine >= MIN_COSINE and recall >= MIN_RECALL and speed >= MIN_SPEED
    chosen = tried if good else "float32"
    return BenchmarkResult(chosen=chosen, tried=tried, speed=speed, cosine=cosine, recall=recall)


def fidelity(reference: Model, other: Model) -> tuple[float, float]:
    """Return the mean cosine to the reference's vectors, and recall@10 against its neighbours."""
    texts = [*BENCHMARK_PASSAGES, *BENCHMARK_QUESTIONS]
    expected, actual = reference.encode(texts), other.encode(texts)
    split = len(BENCHMARK_PASSAGES)
    cosine = float(np.einsum("ij,ij->i", expected, actual).mean())
    expected_nearest, actual_nearest = (
        np.argsort(-(vectors[split:] @ vectors[:split].T), axis=1)[:, :NEAREST]
        for vectors in (expected, actual)
    )
    pairs = zip(expected_nearest.tolist(), actual_nearest.tolist(), strict=True)
    shared = [len(set(a) & set(b)) for a, b in pairs]
    return cosine, sum(shared) / (NEAREST * len(shared))


def _speed(reference: Model, other: Model, *, on_cpu: bool) -> float:
    """Return how many times as fast the other model is, by the median of alternating rounds.

    On a CPU that is process time, which hardly depends on what else runs.
    """
    clock = time.process_time if on_cpu else time.perf_counter
    spent: dict[bool, list[float]] = {True: [], False: []}
    for number in range(2 * ROUNDS):
        started = clock()
        (other if number % 2 else reference).encode(BENCHMARK_PASSAGES[:TIMED_PASSAGES])
        spent[bool(number % 2)].append(clock() - started)
    return statistics.median(spent[False]) / max(statistics.median(spent[True]), 1e-9)


def _machine() -> str:
    import torch

    named = re.search(r"model name\s*:\s*(.*)", processor())
    name = named[1] if named else platform.processor()
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} CPUs"
    return f"{name} {platform.machine()}, {device}, torch {torch.__version__}"


def processor() -> str:
    """Return Linux's description of the first processor; empty elsewhere."""
    try:
        return Path("/proc/cpuinfo").read_text().partition("\n\n")[0]
    except OSError:
        return ""


def _stored(file: Path | None) -> dict[str, dict[str, object]]:
    try:
        results = json.loads(file.read_text()) if file is not None else {}
    except (OSError, ValueError):
        return {}
    valid = isinstance(results, dict) and all(isinstance(row, dict) for row in results.values())
    return results if valid else {}


def _store(file: Path, key: str, result: BenchmarkResult) -> None:
    results = _stored(file) | {key: asdict(result)}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, json.dumps(results, indent=1))
    except OSError as error:
        logger.debug("the benchmark's result is not stored: %s", error)
