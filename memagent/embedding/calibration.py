"""Calibration of an embedder: its cosines of texts that belong together, and of those that do not.

Cosines of two embedders are not comparable: all-MiniLM-L6-v2 gives about 0.05 to a question and a
note that have nothing in common, multilingual-e5-small about 0.77. Fixed questions, each with a
note that answers it, put both on one scale, on which 0 is unrelated and 1 related.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memagent.embedding.encoder import Encoder

logger = logging.getLogger(__name__)

Pairs = Sequence[tuple[str, str]]
PAIRS: Mapping[str, Pairs] = {
    "en": (
        ("Which tyres does the van need?", "The van takes winter tyres of size 215/65."),
        (
            "Who looks after the parrot in August?",
            "Our neighbour Olive feeds the parrot in August.",
        ),
        ("How long does the dough have to rest?", "Let the dough rest for ninety minutes."),
        ("Why was the concert called off?", "The concert was cancelled because of the storm."),
        ("What is the lawyer's phone number?", "You can reach the lawyer at 555 0142."),
        ("Where did we hang the hammock?", "The hammock hangs between the two birches."),
    ),
    "es": (
        ("¿Qué neumáticos lleva la furgoneta?", "La furgoneta usa ruedas de invierno 215/65."),
        (
            "¿Quién cuida del loro en agosto?",
            "En agosto, nuestra vecina Olivia da de comer al loro.",
        ),
        ("¿Cuánto debe reposar la masa?", "Deja reposar la masa noventa minutos."),
        ("¿Por qué se suspendió el concierto?", "Cancelaron el concierto por la tormenta."),
        ("¿Cuál es el teléfono de la abogada?", "A la abogada se la localiza en el 555 0142."),
        ("¿Dónde colgamos la hamaca?", "La hamaca está entre los dos abedules."),
    ),
    "ru": (
        ("Какие шины нужны фургону?", "На фургон ставят зимние шины 215/65."),
        ("Кто присматривает за попугаем в августе?", "В августе попугая кормит соседка Ольга."),
        ("Сколько должно отдыхать тесто?", "Дайте тесту постоять девяносто минут."),
        ("Почему отменили концерт?", "Концерт не состоялся из-за грозы."),
        ("Какой телефон у адвоката?", "Адвокату можно позвонить по номеру 555 0142."),
        ("Где мы повесили гамак?", "Гамак висит между двумя берёзами."),
    ),
    "ar": (
        ("ما هي الإطارات التي تحتاجها الشاحنة؟", "تستخدم الشاحنة إطارات شتوية مقاس 215/65."),
        ("من يعتني بالببغاء في أغسطس؟", "جارتنا علياء تطعم الببغاء في شهر أغسطس."),
        ("كم من الوقت يجب أن ترتاح العجينة؟", "اترك العجين يرتاح تسعين دقيقة."),
        ("لماذا ألغي الحفل الموسيقي؟", "تم إلغاء الحفل بسبب العاصفة."),
        ("ما هو رقم هاتف المحامي؟", "يمكن الاتصال بالمحامي على الرقم 5550142."),
        ("أين علقنا الأرجوحة؟", "الأرجوحة معلقة بين شجرتي البتولا."),
    ),
    "zh": (
        ("面包车要用什么轮胎？", "面包车用的是215/65的冬季轮胎。"),
        ("八月份谁来照看鹦鹉？", "八月由邻居小欧喂鹦鹉。"),
        ("面团要醒多久？", "面团要放置九十分钟。"),
        ("音乐会为什么取消了？", "因为暴风雨，音乐会没有办成。"),
        ("律师的电话是多少？", "打5550142可以找到律师。"),
        ("吊床挂在哪里了？", "吊床挂在两棵白桦树之间。"),
    ),
}
"""Questions by language, each with a note that answers it; the notes of a language are of different
subjects."""
SEPARATED = 0.5
"""A language counts whose pairs are held apart at least so well as those of the best, as a share.

An embedder for one language tells nothing about its cosines by texts that it cannot read.
"""
RELATED = 0.775
"""Place of a related text between the unrelated notes and those that answer nearly word by word.

With it all-MiniLM-L6-v2 has the range on which the shipped weights of the ranker were trained.
"""
MIN_WIDTH = 0.01
"""Least difference between the two ends; an embedder without meaning may give none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """Cosines of an embedder: `low` between unrelated texts, `high` between related ones.

    These are of a question and a text; `text_low` and `text_high` are of two texts, which an
    embedder that treats questions in their own way may put closer together.
    """

    low: float
    high: float
    text_low: float
    text_high: float

    def scaled(self, cosines: ArrayLike) -> NDArray[np.float64]:
        """Return cosines of a question with texts (any shape): `low` at 0, and `high` at 1.

        They may lie beyond both.
        """
        return _scaled(cosines, self.low, self.high)

    def scaled_texts(self, cosines: ArrayLike) -> NDArray[np.float64]:
        """Return cosines between texts (any shape): `text_low` at 0, and `text_high` at 1."""
        return _scaled(cosines, self.text_low, self.text_high)


def _scaled(cosines: ArrayLike, low: float, high: float) -> NDArray[np.float64]:
    return np.asarray((np.asarray(cosines, dtype=np.float64) - low) / max(high - low, MIN_WIDTH))


MINILM = Calibration(low=0.05, high=0.55, text_low=0.05, text_high=0.55)
KNOWN: Mapping[str, Calibration] = {
    "all-MiniLM-L6-v2": MINILM,
    "multilingual": Calibration(low=0.770, high=0.854, text_low=0.827, text_high=0.884),
}
"""Calibrations by the embedder's name, as `measured` gives them, so that opening costs nothing."""
_CALIBRATED: "WeakKeyDictionary[Encoder, Calibration]" = WeakKeyDictionary()


def calibration(encoder: Encoder) -> Calibration:
    """Return the calibration of an embedder.

    It is known for the embedders that memagent brings; for others it is measured once, with
    ninety short texts, and kept in the store.
    """
    known = KNOWN.get(encoder.name) or _CALIBRATED.get(encoder)
    if known is None:
        known = _CALIBRATED[encoder] = _kept(encoder)
    return known


def measured(encoder: Encoder) -> Calibration:
    """Return the calibration of an embedder by the pairs of the languages that it tells apart."""
    ranges = np.array([_ranges(encoder, pairs) for pairs in PAIRS.values()])
    apart = ranges[:, 1] - ranges[:, 0]
    low, high, text_low, text_high = ranges[apart >= SEPARATED * apart.max()].mean(axis=0).tolist()
    return Calibration(
        low=low,
        high=low + RELATED * (high - low),
        text_low=text_low,
        text_high=text_low + RELATED * (text_high - text_low),
    )


def _ranges(encoder: Encoder, pairs: Pairs) -> tuple[float, float, float, float]:
    """Return the mean cosines of unrelated texts and of pairs: of questions, then of texts."""
    questions, notes = zip(*pairs, strict=True)
    asked = np.stack([encoder.query(text) for text in questions])
    told, written = np.split(encoder.documents([*questions, *notes]), 2)
    others = ~np.eye(len(pairs), dtype=bool)
    return (
        float((asked @ written.T)[others].mean()),
        float((asked * written).sum(axis=1).mean()),
        float((written @ written.T)[others].mean()),
        float((told * written).sum(axis=1).mean()),
    )


def _kept(encoder: Encoder) -> Calibration:
    """Return the calibration that the store keeps of its embedder, measured if it keeps none."""
    kept = encoder.kept("calibration", lambda: json.dumps(asdict(measured(encoder))))
    try:
        return Calibration(**json.loads(kept))
    except (TypeError, ValueError) as error:
        logger.warning("the calibration in the store is damaged, and measured again: %s", error)
        return measured(encoder)
