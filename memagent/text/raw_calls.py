"""Tool calls that a model wrote into its text, in the form that its family was trained on.

A server that does not know the form leaves the call in the text. A mark such as `<tool_call>` opens
one, and what follows is read in every form that is known, since servers drop and mix marks. A mark
in code or in quotes is cited, and so is JSON in a code block that stands among other words. Without
a mark a text is a call only if it is JSON or Python of the shape of one.

The forms are those of the chat templates of Hermes, Qwen, Mistral, Llama, DeepSeek, Granite, Phi,
Gemma, Command, GLM, Kimi, MiniMax, LFM and gpt-oss.
"""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Schemas = Mapping[str, Mapping[str, Any]]
"""JSON schemas of the arguments of the tools there are, by the tool's name."""


@dataclass(frozen=True, slots=True)
class RawCall:
    """Call in a text: a name, perhaps of no tool, and arguments, which may not fit its schema.

    `unmarked` is the text of a call that no mark opens, which may be a quotation.
    """

    name: str
    arguments: Any
    unmarked: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Text that begins a call and does not go on like one; it is no answer."""


_NAME = r"[A-Za-z_][\w.-]*"
_MARKS = re.compile(
    r"<\|?tool_calls?\|?>|<(?:minimax|seed):tool_call>|<\|tool_call_start\|>"
    r"|<function_calls?>|<start_function_call>|\[TOOL_CALLS\]|<\|python_(?:tag|start)\|>"
    r"|<\|START_ACTION\|>|<[｜|]tool[▁_]calls?[▁_]begin[｜|]>|<\|tool_calls?_section_begin\|>"
    r"|<[｜|]DSML[｜|]\s*(?:function_)?calls>|\bfunctools(?=\[\s*\{)|^Action:(?=\s*```)"
    rf"|```tool_c(?:ode|all)\b|<function=(?={_NAME}>)|<invoke (?=name=)"
    rf"|(?:<\|channel\|>\s*\w+\s*)?\bto=functions\.(?={_NAME})",
    re.MULTILINE,
)
"""What opens a call, by family; nothing but a call follows one."""
_PADDING = re.compile(
    r"(?:\s|;|```\w*|function<[｜|]tool[▁_]sep[｜|]>|print\((?=\w)"
    r"|<[｜|]DSML[｜|]\s*(?=invoke)|<(?=function=|invoke )"
    r"|<\|?tool_calls?\|?>|<[｜|]tool[▁_]call[▁_]begin[｜|]>)+"
)
"""What may stand between a mark and the call: further marks, fences and separators."""
_JSON_CALL = re.compile(r"(?=\{|\[\s*\{)")
_NAMED = re.compile(
    rf"(?:functions\.)?(?P<name>{_NAME}?)(?::\d+)?"
    r"(?:\[CALL_ID\]\w+)?(?:\[ARGS\]|<[｜|]tool[▁_]sep[｜|]>|<\|tool_call_argument_begin\|>"
    r"|<\|channel\|>\s*\w+|<\|constrain\|>|<\|message\|>|\bjson\b|```|\s)*(?=\{)"
)
"""A name, then separators, then the arguments in JSON."""
_TAGGED = re.compile(
    rf"(?:function=|invoke name=[\"']|)(?P<name>{_NAME})[\"']?>?\s*"
    r"(?P<rest>(?:<[｜|]DSML[｜|]\s*)?<?(?:parameter|arg_key)\b.*|\{.*|</.*|$)",
    re.DOTALL,
)
"""A name, then arguments between tags, JSON, or the end."""
_PAIR = re.compile(
    r"<(?:[｜|]DSML[｜|]\s*)?parameter(?:=|\s+name=[\"'])(?P<key>\w+)[^>]*>(?P<value>.*?)"
    r"</(?:[｜|]DSML[｜|]\s*)?parameter>"
    r"|<arg_key>\s*(?P<arg>\w+)\s*</arg_key>\s*<arg_value>(?P<held>.*?)</arg_value>",
    re.DOTALL,
)
_OPEN_PAIR = re.compile(r"<(?:[｜|]DSML[｜|]\s*)?(?:parameter\b|arg_key>|arg_value>)")
_GEMMA = re.compile(rf"call:(?P<name>{_NAME})(?=\{{)")
_STRING = re.compile(r'<\|"\|>|<escape>')
_KEY = re.compile(r"([{,]\s*)([A-Za-z_]\w*)\s*:")
_END = re.compile(r"(?:<\|[\w▁]{1,40}\|>|</s>)\Z")
_PYTHON_WORDS = {"True": "true", "False": "false", "None": "null"}
_FENCED = re.compile(r"```\w*\n(?P<body>[^`]*)```", re.DOTALL)
_NAMES, _ARGUMENTS = ("name", "tool", "tool_name"), ("arguments", "parameters")
_BESIDE = frozenset({"id", "type", "tool_call_id"})
_BEGUN = re.compile(
    rf'\[?\s*\{{\s*"(?:{"|".join(_NAMES)})"\s*:\s*"(?P<name>{_NAME})"\s*'
    rf'(?:\Z|,\s*(?:"\w*"?)?\Z|,\s*"(?:{"|".join(_ARGUMENTS)})"\s*:\s*(?:\Z|\{{))'
)
"""Beginning of a call in JSON, of which the rest cannot be read."""
_QUOTES = tuple("`'\"\u201c\u201d\u2018\u2019\u00ab\u00bb")
MAX_CHARACTERS = 20_000
"""Characters of a text that are searched for a call."""


def read_call(text: str, schemas: Schemas) -> RawCall | Unreadable | None:
    """Return the first call in a text, None if the text is an answer.

    After a mark any name counts, and so in a text that is nothing but a call in JSON. JSON among
    other words and Python count only with the name of a tool.
    """
    text = text[:MAX_CHARACTERS].strip()
    while (end := _END.search(text)) is not None:
        text = text[: end.start()].rstrip()
    opened = False
    for mark in _MARKS.finditer(text):
        if is_cited(text, *mark.span()):
            continue
        start = mark.end() if not mark[0].startswith("<invoke") else mark.start() + 1
        body = text[start:] if mark[0] != "<function=" else text[mark.start() + 1 :]
        if (call := _read(body, schemas)) is not None:
            return call
        # A mark that a sentence goes on after is spoken of; anything else began a call.
        opened |= not text[: mark.start()].strip() or re.match(r"\s*[\[{<(]", body) is not None
    return _unmarked(text, schemas) or (Unreadable() if opened else None)


def _read(body: str, schemas: Schemas) -> RawCall | None:
    """Return the call that a text begins with, whatever its form."""
    padding = _PADDING.match(body)
    body = body[padding.end() :] if padding else body
    readers = (_json_call, _gemma_call, _named_call, _tagged_call, _python_call)
    return next((call for read in readers if (call := read(body, schemas)) is not None), None)


def _unmarked(text: str, schemas: Schemas) -> RawCall | Unreadable | None:
    """Return the call that a text without a mark is, or holds outside of code."""
    fenced = _FENCED.fullmatch(text)
    whole = fenced["body"].strip() if fenced else text
    if (call := _python_call(whole, schemas, whole=True)) is not None:
        return replace(call, unmarked=whole)
    if whole.endswith("}") and (call := _named_call(whole, schemas)) and call.name in schemas:
        return replace(call, unmarked=whole)
    if _JSON_CALL.match(whole) and (value := _decoded(whole)) is not None:
        call = _call_of(value[0])
        if call and (call.name in schemas or not whole[value[1] :].strip(" \n;")):
            return replace(call, unmarked=whole[: value[1]])
    for start in _json_starts(text):
        value = _decoded(text[start:])
        call = _call_of(value[0]) if value else None
        if call and value and call.name in schemas and not is_cited(text, start, start + 1):
            return replace(call, unmarked=text[start : start + value[1]])
    begun = _BEGUN.match(re.sub(r"\A```\w*\n", "", text))
    return Unreadable() if begun and begun["name"] in schemas else None


def _json_starts(text: str, most: int = 20) -> Iterator[int]:
    """Yield where an object begins that may be a call."""
    pattern = re.compile(rf"\{{\s*\"(?:{'|'.join((*_NAMES, *_ARGUMENTS, 'function', *_BESIDE))})\"")
    for number, found in enumerate(pattern.finditer(text)):
        if number == most:
            return
        yield found.start()


def _json_call(body: str, schemas: Schemas) -> RawCall | None:
    value = _decoded(body) if _JSON_CALL.match(body) else None
    return _call_of(value[0], complete=False) if value else None


def _decoded(text: str) -> tuple[Any, int] | None:
    """Return the JSON that a text begins with, and where it ends."""
    try:
        return json.JSONDecoder(strict=False).raw_decode(text)
    except (ValueError, RecursionError):
        return None


def _call_of(value: Any, *, complete: bool = True) -> RawCall | None:
    """Return the call that a JSON value is, the first of a list; None if it is something else.

    A `complete` one has arguments.
    """
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("function"), dict) and set(value) <= {"function", *_BESIDE}:
        value = value["function"]
    elif isinstance(value.get("function"), str):
        value = {"name": value["function"], **{k: v for k, v in value.items() if k != "function"}}
    names = [key for key in _NAMES if key in value]
    held = [key for key in _ARGUMENTS if key in value]
    if len(names) != 1 or len(held) > 1 or (complete and not held):
        return None
    name, arguments = value[names[0]], value[held[0]] if held else {}
    if isinstance(arguments, str) and (inner := _decoded(arguments)) is not None:
        arguments = inner[0]
    fits = isinstance(name, str) and re.fullmatch(_NAME, name) and isinstance(arguments, dict)
    rest = set(value) - {*names, *held, *_BESIDE}
    return RawCall(name.removeprefix("functions."), arguments) if fits and not rest else None


def _named_call(body: str, schemas: Schemas) -> RawCall | None:
    found = _NAMED.match(body)
    value = _decoded(body[found.end() :]) if found else None
    if found is None or value is None or not isinstance(value[0], dict):
        return None
    return RawCall(found["name"], value[0])


def _gemma_call(body: str, schemas: Schemas) -> RawCall | None:
    """Read `call:name{key:<|"|>text<|"|>,other:2}`, whose keys are bare."""
    found = _GEMMA.match(body)
    if found is None:
        return None
    parts = _STRING.split(body[found.end() :])
    written = "".join(
        json.dumps(part) if place % 2 else _KEY.sub(r'\1"\2":', part)
        for place, part in enumerate(parts)
    )
    value = _decoded(written)
    return RawCall(found["name"], value[0]) if value else None


def _tagged_call(body: str, schemas: Schemas) -> RawCall | None:
    """Read arguments between tags; the schema says which of them are texts."""
    found = _TAGGED.match(body)
    if found is None:
        return None
    name, rest = found["name"], re.split(r"</(?:function|invoke|tool_call)>", found["rest"])[0]
    if rest.startswith("{"):
        value = _decoded(rest)
        return RawCall(name, value[0]) if value else None
    arguments = {
        pair["key"] or pair["arg"]: _typed(
            pair["value"] if pair["key"] else pair["held"],
            _properties(schemas, name).get(pair["key"] or pair["arg"], {}),
        )
        for pair in _PAIR.finditer(rest)
    }
    return None if _OPEN_PAIR.search(_PAIR.sub("", rest)) else RawCall(name, arguments)


def _typed(text: str, schema: Mapping[str, Any]) -> Any:
    text = text.removeprefix("\n").removesuffix("\n")
    if schema.get("type", "string") == "string":
        return text
    value = _decoded(_PYTHON_WORDS.get(text.strip(), text.strip()))
    return value[0] if value else text


def _properties(schemas: Schemas, name: str) -> Mapping[str, Any]:
    return dict(schemas.get(name, {}).get("properties", {}))


def _python_call(body: str, schemas: Schemas, *, whole: bool = False) -> RawCall | None:
    """Read `f(x=1)`, `[f(x=1)]` or `f.call(x=1)` of a tool; with `whole` nothing else is there."""
    if not re.match(rf"\[?\s*{_NAME}\s*\(", body):
        return None
    ends = [len(body)] if whole else [*_closings(body)]
    tree = next((tree for end in ends if (tree := _parsed(body[:end])) is not None), None)
    if isinstance(tree, ast.List) and tree.elts:
        tree = tree.elts[0]
    if not isinstance(tree, ast.Call):
        return None
    *_, name = [part for part in ast.unparse(tree.func).split(".") if part != "call"] or [""]
    if name not in schemas:
        return None
    try:
        arguments = {
            **dict(zip(_properties(schemas, name), map(ast.literal_eval, tree.args), strict=False)),
            **{str(word.arg): ast.literal_eval(word.value) for word in tree.keywords},
        }
    except (ValueError, TypeError):
        return None
    return RawCall(name, arguments)


def _closings(body: str, most: int = 200) -> Iterator[int]:
    """Yield where a call or a list of calls may end."""
    closing = "]" if body.startswith("[") else ")"
    end = 0
    for _ in range(most):
        end = body.find(closing, end) + 1
        if not end:
            return
        yield end


def _parsed(text: str) -> ast.expr | None:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def is_cited(text: str, start: int, end: int) -> bool:
    """Tell whether a part of a text stands in code, or in quotes of its own."""
    before, after = text[:start], text[end:]
    in_code = before.rpartition("\n")[2].count("`") % 2 == 1 or before.count("```") % 2 == 1
    return in_code or (before.endswith(_QUOTES) and after.startswith(_QUOTES))
