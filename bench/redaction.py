"""Redaction: how many made-up secrets are found, and how often it alarms in ordinary texts.

    python bench/redaction.py [--seeds 3] [FILE ...]

A secret is drawn anew from the alphabet of its kind, in a sentence or a snippet; it is found if
nothing of it is left. No secret here was ever anybody's. Files are ordinary texts: JSON, of which
every text is taken, or lines. Beside them stand numbers that are no card's: phone numbers, dates,
UUIDs, hashes, IBANs, orders.
"""

import argparse
import base64
import hashlib
import json
import random
import string
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from memagent.redaction.detector import find_secrets
from memagent.redaction.redactor import Redactor

ALPHANUMERIC = string.ascii_letters + string.digits
URL_SAFE = ALPHANUMERIC + "-_"
BASE64 = ALPHANUMERIC + "+/"
HEX = "0123456789abcdef"
BASE32 = string.ascii_uppercase + "234567"
CARDS = (
    *(("4", 16), ("4", 19), ("53", 16), ("2345", 16), ("37", 15), ("6011", 16)),
    *(("3530", 16), ("62", 16), ("36", 14), ("6759", 16)),
)
"""Prefixes and lengths of card numbers, by issuer."""
ZEROS = "\u0660\u0966\uff10\u06f0"
"""The zeros of scripts that write digits of their own."""
PASSWORDS = (
    *('password = "{}"', "password={}", "password: {}", "DB_PASSWORD={}", 'db_password: "{}"'),
    *('{{"user": "ada", "password": "{}"}}', "Passwd: {}", "pwd={};", "client_secret = '{}'"),
    *("api_key: {}", "API-Key: {}", "secret_key={}", "export ADMIN_PASSWORD='{}'"),
    *("token = '{}'", "contraseña: {}", "Passwort: {}", "mot de passe : {}", "пароль: {}"),
    *("密码：{}", "My wifi password is {}", "Mein Passwort ist {}"),  # noqa: RUF001
)
CONNECTIONS = (
    "postgres://ada:{}@db.lan:5432/prod",
    "postgresql+psycopg2://app:{}@10.0.0.5/shop?sslmode=require",
    "mongodb+srv://ada:{}@cluster0.ab1cd.mongodb.net/db",
    "mysql://root:{}@mysql.internal/app",
    "redis://:{}@cache.lan:6379/0",
    "amqp://guest:{}@rabbit.lan:5672",
    "the repo is https://ada:{}@git.lan/team/repo.git",
    "Server=sql.lan;Database=app;User Id=sa;Password={};",
)
Draw = Callable[[str, int], str]
"""A function that draws so many characters of an alphabet."""


def planted(seed: int) -> Iterator[tuple[str, str, str]]:
    """Yield (kind, text, the secret in it)."""
    rng = random.Random(seed)

    def draw(alphabet: str, length: int) -> str:
        return "".join(rng.choices(alphabet, k=length))

    for kind, secret in tokens(draw):
        for text in ("remember {} for later", "{}", "KEY={}"):
            yield kind, text.format(secret), secret
    secret = draw(BASE64, 40)
    yield "AWS", f"aws_secret_access_key = {secret}", secret
    secret = f"{draw(BASE64, 86)}=="
    yield "Azure", f"DefaultEndpointsProtocol=https;AccountKey={secret};", secret
    for name in ("RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY"):
        lines = [draw(BASE64, 64) for _ in range(12)]
        block = "\n".join([f"-----BEGIN {name}-----", *lines, f"-----END {name}-----"])
        yield "private key", f"here is the key:\n{block}\nkeep it", lines[rng.randrange(12)]
    for text in PASSWORDS:
        secret = draw(ALPHANUMERIC, 7) + draw("!#%*", 1) + draw(string.digits, 2)
        yield "password", text.format(secret), secret
    for text in CONNECTIONS:
        secret = draw(ALPHANUMERIC, 16)
        yield "connection string", text.format(secret), secret
    for text, secret in cards(rng):
        yield "card", text, secret


def tokens(draw: Draw) -> Iterator[tuple[str, str]]:
    """Yield tokens of services, by service."""
    digits = string.digits
    yield "AWS", "AKIA" + draw(BASE32, 16)
    for prefix in ("ghp_", "gho_", "ghs_"):
        yield "GitHub", prefix + draw(ALPHANUMERIC, 36)
    yield "GitHub", f"github_pat_{draw(ALPHANUMERIC, 22)}_{draw(ALPHANUMERIC, 59)}"
    yield "GitLab", "glpat-" + draw(URL_SAFE, 20)
    yield "Slack", f"xoxb-{draw(digits, 12)}-{draw(digits, 12)}-{draw(ALPHANUMERIC, 24)}"
    hook = f"T{draw(ALPHANUMERIC.upper(), 8)}/B{draw(ALPHANUMERIC.upper(), 10)}"
    yield "Slack", f"https://hooks.slack.com/services/{hook}/{draw(ALPHANUMERIC, 24)}"
    yield "Stripe", "sk_live_" + draw(ALPHANUMERIC, 24)
    yield "Stripe", "rk_live_" + draw(ALPHANUMERIC, 99)
    yield "OpenAI", f"sk-proj-{draw(URL_SAFE, 74)}T3BlbkFJ{draw(URL_SAFE, 74)}"
    yield "Anthropic", f"sk-ant-api03-{draw(URL_SAFE, 93)}AA"
    yield "Hugging Face", "hf_" + draw(string.ascii_letters, 34)
    yield "Google", "AIza" + draw(URL_SAFE, 35)
    yield "SendGrid", f"SG.{draw(URL_SAFE, 22)}.{draw(URL_SAFE, 43)}"
    yield "Twilio", "SK" + draw(HEX, 32)
    yield "Mailchimp", draw(HEX, 32) + "-us14"
    yield "npm", "npm_" + draw(ALPHANUMERIC, 36)
    yield "PyPI", "pypi-AgEIcHlwaS5vcmc" + draw(URL_SAFE, 80)
    yield "Telegram", f"4{draw(digits, 8)}:AA{draw(URL_SAFE, 33)}"
    yield "Discord", f"M{draw(ALPHANUMERIC, 23)}.{draw(URL_SAFE, 6)}.{draw(ALPHANUMERIC, 38)}"
    yield "DigitalOcean", "dop_v1_" + draw(HEX, 64)
    yield "Shopify", "shpat_" + draw(HEX, 32)
    yield "Square", "sq0atp-" + draw(URL_SAFE, 22)
    yield "Databricks", "dapi" + draw(HEX, 32)
    yield "Grafana", f"glsa_{draw(ALPHANUMERIC, 32)}_{draw(HEX, 8)}"
    yield "Linear", "lin_api_" + draw(ALPHANUMERIC, 40)
    yield "Postman", f"PMAK-{draw(HEX, 24)}-{draw(HEX, 34)}"
    yield "Vault", "hvs." + draw(URL_SAFE, 95)
    yield "age", "AGE-SECRET-KEY-1" + draw("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)
    claims = ({"alg": "HS256", "typ": "JWT"}, {"sub": draw(digits, 10), "iat": 1516239022})
    parts = [base64.urlsafe_b64encode(json.dumps(each).encode()).decode() for each in claims]
    yield "JWT", ".".join([*(part.rstrip("=") for part in parts), draw(URL_SAFE, 43)])


def cards(rng: random.Random) -> Iterator[tuple[str, str]]:
    """Yield texts with a card number, and the number as it stands there."""
    for prefix, length in CARDS:
        for separator in ("", " ", "-"):
            number = grouped(card(rng, prefix, length), separator)
            yield f"My card is {number}, valid to 04/29.", number
    for zero in ZEROS:
        digits = {ord("0") + value: chr(ord(zero) + value) for value in range(10)}
        number = grouped(card(rng, "4", 16), " ").translate(digits)
        yield number, number
    for text in (
        "Karte:{}.",
        "({})",
        "carte n°{}",
        "カード番号は{}です",
        "رقم بطاقتي {}",
        "{} 04/29 123",
    ):
        number = grouped(card(rng, "4", 16), " ")
        yield text.format(number), number


def card(rng: random.Random, prefix: str, length: int) -> str:
    """Return a number whose last digit is right by Luhn."""
    digits = prefix + "".join(rng.choices(string.digits, k=length - 1 - len(prefix)))
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(f"0{digits[::-1]}")]
    return digits + str(-sum(value - 9 * (value > 9) for value in doubled) % 10)


def grouped(number: str, separator: str) -> str:
    """Return a card's number in the groups that are printed on it."""
    sizes = {15: (4, 6, 5), 14: (4, 6, 4)}.get(len(number), (4, 4, 4, 4, 3))
    starts = [sum(sizes[:place]) for place in range(len(sizes))]
    groups = (number[start : start + size] for start, size in zip(starts, sizes, strict=True))
    return separator.join(group for group in groups if group)


def numbers(seed: int, rounds: int = 100) -> Iterator[str]:
    """Yield texts with numbers and names that are no secrets."""
    rng = random.Random(seed)

    def some(length: int) -> str:
        return "".join(rng.choices(string.digits, k=length))

    for _ in range(rounds):
        drawn = rng.randbytes(32)
        yield f"Call me at +49 {some(3)} {some(7)} or 0{some(4)} {some(6)}"
        yield f"+1 ({some(3)}) {some(3)}-{some(4)} is my phone"
        yield f"the id is {uuid.UUID(bytes=drawn[:16])}"
        yield f"commit {hashlib.sha1(drawn).hexdigest()} broke it"
        yield f"sha256 {hashlib.sha256(drawn).hexdigest()}, md5 {hashlib.md5(drawn).hexdigest()}"
        yield f"Order {some(10)} arrived, order {some(3)}-{some(7)}-{some(7)} did not"
        yield f"tracking no. 1Z{some(16)}, invoice 2026-{some(6)}, parcel {some(14)}"
        yield f"2026-0{rng.randint(1, 9)}-14 14:30:22.{some(6)}, epoch 17{some(8)}"
        yield f"ISBN 978-3-{some(2)}-{some(6)}-{some(1)}"
        yield f"IBAN DE{some(2)} {some(4)} {some(4)} {some(4)} {some(4)} {some(2)}"
        yield f"Lat 48.{some(14)}, lon 16.{some(15)}"
        yield f"In 1999 2004 2008 2012 and 20{some(2)} it was {some(1)},{some(3)},{some(3)}"
        yield f"scores {' '.join(some(2) for _ in range(9))}"
        yield "fn main() { let token = lexer.next(); } def check(password): return hash(password)"
        yield "Reset password: click here. The secret is to use butter. I forgot my password."


def texts_of(path: Path) -> Iterator[str]:
    """Yield the texts of a JSON file, or the lines of another."""
    content = path.read_text(encoding="utf-8")
    yield from strings(json.loads(content)) if path.suffix == ".json" else content.splitlines()


def strings(value: Any) -> Iterator[str]:
    """Yield the texts within JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


def main() -> None:
    """Print what is found and what is alarmed at."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("files", type=Path, nargs="*")
    options = parser.parse_args()
    redactor = Redactor(find_secrets)
    found, total = Counter[str](), Counter[str]()
    for seed in range(options.seeds):
        for kind, text, secret in planted(seed):
            total[kind] += 1
            (clean,) = redactor.texts([text])
            found[kind] += secret not in clean
    for kind, count in sorted(total.items()):
        print(f"{found[kind]:5} of {count:5}  {kind}")
    print(f"{found.total():5} of {total.total():5}  in all")
    for name, texts in [("numbers", [*numbers(1)])] + [
        (f.name, [*texts_of(f)]) for f in options.files
    ]:
        started = time.perf_counter()
        alarms = [
            (kind, text[max(start - 30, 0) : end])
            for text in texts
            for start, end, kind in find_secrets(text)
        ]
        spent = (time.perf_counter() - started) / max(len(texts), 1) * 1e6
        print(f"{len(alarms):5} alarms in {len(texts):6} texts, {spent:.0f} us a text  {name}")
        for kind, around in alarms:
            print(f"        {kind}: {' '.join(around.split())[:90]}")


if __name__ == "__main__":
    main()
