"""Made-up secrets of many kinds, each in a sentence or a snippet, and ordinary texts like them.

No secret here was ever anybody's: each is drawn anew from the alphabet of its kind.
"""

import base64
import json
import random
import string
from collections.abc import Iterator
from dataclasses import dataclass

ALPHANUMERIC = string.ascii_letters + string.digits
UPPER = string.ascii_uppercase + string.digits
LOWER = string.ascii_lowercase + string.digits
HEX = "0123456789abcdef"
BASE32 = string.ascii_uppercase + "234567"
URL_SAFE = ALPHANUMERIC + "-_"
CARDS = (
    ("Visa", "4", 16),
    ("Visa", "4", 19),
    ("Mastercard", "53", 16),
    ("Mastercard", "2345", 16),
    ("American Express", "37", 15),
    ("Discover", "6011", 16),
    ("JCB", "3530", 16),
    ("UnionPay", "62", 16),
    ("Diners Club", "36", 14),
    ("Maestro", "6759", 16),
)
DIGITS = ("٠١٢٣٤٥٦٧٨٩", "०१२३४५६७८९", "０１２３４５６７８９", "۰۱۲۳۴۵۶۷۸۹")
"""Arabic-Indic, Devanagari, fullwidth and Persian digits."""


@dataclass(frozen=True, slots=True)
class Planted:
    """A text with a secret in it: the kind of the secret, and the part that must not stay."""

    kind: str
    text: str
    secret: str


def luhn_number(rng: random.Random, prefix: str, length: int) -> str:
    """Return a number of a prefix and a length whose last digit is right by Luhn."""
    digits = prefix + "".join(rng.choices(string.digits, k=length - 1 - len(prefix)))
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 if place % 2 else 2)
        total += value - 9 if value > 9 else value
    return digits + str(-total % 10)


def grouped(number: str, separator: str) -> str:
    """Return a card's number in the groups that are printed on it."""
    sizes = {15: (4, 6, 5), 14: (4, 6, 4)}.get(len(number), (4,) * (len(number) // 4 + 1))
    groups, start = list[str](), 0
    for size in sizes:
        groups.append(number[start : start + size])
        start += size
    return separator.join(group for group in groups if group)


def planted(seed: int = 1) -> Iterator[Planted]:
    """Yield texts with secrets."""
    rng = random.Random(seed)

    def draw(alphabet: str, length: int) -> str:
        return "".join(rng.choices(alphabet, k=length))

    yield from _tokens(draw)
    yield from _cards(rng)


def _tokens(draw: "object") -> Iterator[Planted]:
    d = draw  # type: ignore[assignment]
    tokens = [
        ("AWS access key", "AKIA" + d(BASE32, 16), "my aws key is {}"),
        ("AWS secret key", d(ALPHANUMERIC + "/+", 40), "aws_secret_access_key = {}"),
        ("AWS secret key", d(ALPHANUMERIC + "/+", 40), 'AWS_SECRET_ACCESS_KEY="{}"'),
        ("GitHub token", "ghp_" + d(ALPHANUMERIC, 36), "Remember my GitHub token {} for the bot."),
        ("GitHub token", "gho_" + d(ALPHANUMERIC, 36), "export GH={}"),
        ("GitHub token", "ghs_" + d(ALPHANUMERIC, 36), "it used {} to clone"),
        (
            "GitHub token",
            "github_pat_" + d(ALPHANUMERIC, 22) + "_" + d(ALPHANUMERIC, 59),
            "pat: {}",
        ),
        ("GitLab token", "glpat-" + d(URL_SAFE, 20), "GitLab: {}"),
        (
            "Slack token",
            f"xoxb-{d(string.digits, 12)}-{d(string.digits, 12)}-{d(ALPHANUMERIC, 24)}",
            "the bot logs in with {}",
        ),
        (
            "Slack token",
            f"xoxp-{d(string.digits, 12)}-{d(string.digits, 12)}-{d(string.digits, 12)}-{d(HEX, 32)}",
            "slack {}",
        ),
        (
            "Slack webhook",
            f"https://hooks.slack.com/services/T{d(UPPER, 8)}/B{d(UPPER, 10)}/{d(ALPHANUMERIC, 24)}",
            "post to {}",
        ),
        ("Stripe key", "sk_live_" + d(ALPHANUMERIC, 24), "Stripe: {}"),
        ("Stripe key", "rk_live_" + d(ALPHANUMERIC, 99), "restricted key {}"),
        (
            "OpenAI key",
            "sk-proj-" + d(URL_SAFE, 74) + "T3BlbkFJ" + d(URL_SAFE, 74),
            "OPENAI_API_KEY={}",
        ),
        (
            "OpenAI key",
            "sk-" + d(ALPHANUMERIC, 20) + "T3BlbkFJ" + d(ALPHANUMERIC, 20),
            "use {} for openai",
        ),
        ("Anthropic key", "sk-ant-api03-" + d(URL_SAFE, 93) + "AA", "claude key {}"),
        ("Hugging Face token", "hf_" + d(string.ascii_letters, 34), "login with {}"),
        ("Google API key", "AIza" + d(ALPHANUMERIC + "-_", 35), "maps key: {}"),
        ("SendGrid key", f"SG.{d(URL_SAFE, 22)}.{d(URL_SAFE, 43)}", "mail goes out with {}"),
        ("Twilio key", "SK" + d(HEX, 32), "twilio api key {}"),
        ("Mailchimp key", d(HEX, 32) + "-us14", "mailchimp {}"),
        ("npm token", "npm_" + d(ALPHANUMERIC, 36), "//registry.npmjs.org/:_authToken={}"),
        ("PyPI token", "pypi-AgEIcHlwaS5vcmc" + d(URL_SAFE, 80), "upload with {}"),
        (
            "Telegram token",
            f"{d('123456789', 1)}{d(string.digits, 8)}:AA{d(URL_SAFE, 33)}",
            "telegram bot {}",
        ),
        (
            "Discord token",
            f"M{d(ALPHANUMERIC, 23)}.{d(URL_SAFE, 6)}.{d(URL_SAFE, 38)}",
            "discord token {}",
        ),
        ("DigitalOcean token", "dop_v1_" + d(HEX, 64), "droplets: {}"),
        ("Shopify token", "shpat_" + d(HEX, 32), "shop {}"),
        ("Square token", "sq0atp-" + d(URL_SAFE, 22), "square {}"),
        ("Databricks token", "dapi" + d(HEX, 32), "databricks {}"),
        ("Doppler token", "dp.pt." + d(ALPHANUMERIC, 43), "doppler {}"),
        ("Grafana token", "glsa_" + d(ALPHANUMERIC, 32) + "_" + d(HEX, 8), "grafana {}"),
        ("Linear key", "lin_api_" + d(ALPHANUMERIC, 40), "linear {}"),
        ("Notion token", "ntn_" + d(string.digits, 11) + d(ALPHANUMERIC, 35), "notion {}"),
        ("Postman key", f"PMAK-{d(HEX, 24)}-{d(HEX, 34)}", "postman {}"),
        ("Vault token", "hvs." + d(URL_SAFE, 95), "vault {}"),
        ("age key", "AGE-SECRET-KEY-1" + d("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58), "age: {}"),
        ("Groq key", "gsk_" + d(ALPHANUMERIC, 52), "groq {}"),
        (
            "Azure storage key",
            d(ALPHANUMERIC + "+/", 86) + "==",
            "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey={};EndpointSuffix=core.windows.net",
        ),
    ]
    for kind, secret, text in tokens:
        yield Planted(kind, text.format(secret), secret)
    for header, body in (
        ({"alg": "HS256", "typ": "JWT"}, {"sub": "1234567890", "name": "Ada", "iat": 1516239022}),
        (
            {"alg": "RS256", "typ": "JWT", "kid": "k1"},
            {"iss": "https://id.lan", "aud": "api", "exp": 1999999999},
        ),
    ):
        parts = [
            base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=")
            for p in (header, body)
        ]
        token = ".".join([*parts, d(URL_SAFE, 43)])
        yield Planted("JWT", f"Authorization: Bearer {token}", token)
        yield Planted("JWT", f"The session was {token} then.", token)
    for name in ("RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY"):
        lines = [d(ALPHANUMERIC + "+/", 64) for _ in range(12)]
        block = "\n".join([f"-----BEGIN {name}-----", *lines, f"-----END {name}-----"])
        yield Planted("private key", f"here is the key:\n{block}\nkeep it", lines[5])
    password = d(ALPHANUMERIC + "!#%*", 14)
    passwords = [
        'password = "{}"',
        "password={}",
        "password: {}",
        "DB_PASSWORD={}",
        'db_password: "{}"',
        '{{"user": "ada", "password": "{}"}}',
        "Passwd: {}",
        "pwd={};",
        "client_secret = '{}'",
        "api_key: {}",
        "API-Key: {}",
        "secret_key={}",
        "export ADMIN_PASSWORD='{}'",
        "contraseña: {}",
        "token = '{}'",
        "My wifi password is {}",
        "Mein Passwort ist {}",
        "Passwort: {}",
        "mot de passe : {}",
        "пароль: {}",
        "密码：{}",
    ]
    for text in passwords:
        password = d(ALPHANUMERIC, 7) + d("!#%*", 1) + d(ALPHANUMERIC, 6)
        yield Planted("password", text.format(password), password)
    for text in (
        "postgres://ada:{}@db.lan:5432/prod",
        "postgresql+psycopg2://app:{}@10.0.0.5/shop?sslmode=require",
        "mongodb+srv://ada:{}@cluster0.ab1cd.mongodb.net/db",
        "mysql://root:{}@mysql.internal/app",
        "redis://:{}@cache.lan:6379/0",
        "amqp://guest:{}@rabbit.lan:5672",
        "the repo is https://ada:{}@git.lan/team/repo.git",
        "Server=sql.lan;Database=app;User Id=sa;Password={};",
    ):
        password = d(ALPHANUMERIC, 16)
        yield Planted("connection string", text.format(password), password)


def _cards(rng: random.Random) -> Iterator[Planted]:
    for brand, prefix, length in CARDS:
        for separator in ("", " ", "-"):
            number = grouped(luhn_number(rng, prefix, length), separator)
            yield Planted("card", f"My {brand} is {number}, valid to 04/29.", number)
    for digits in DIGITS:
        number = grouped(luhn_number(rng, "4", 16), " ").translate(
            {ord("0") + value: digit for value, digit in enumerate(digits)}
        )
        yield Planted("card", f"{number}", number)
    for text in (
        "Karte:{}.",
        "({})",
        "carte n°{}",
        "カード番号は{}です",
        "رقم بطاقتي {}",
        "card\n{}\nend",
    ):
        number = luhn_number(rng, "4", 16)
        yield Planted("card", text.format(number), number)
