#!/usr/bin/env python3
"""Renders chat templates with jinja2 in the environment that transformers sets up.

Reads one JSON object a line, writes one JSON object a line. A request holds "cases", a list of objects with

    template, messages, tools, documents, add_generation_prompt, continue_final_message, kwargs, special_tokens, now

and the answer holds "results", a list of {"ok": true, "text": ...} or {"ok": false, "error": ...} in the same order.
"""

import copy
import datetime
import functools
import json
import signal
import sys
from collections import abc

import jinja2
import jinja2.ext
import jinja2.filters
import jinja2.nodes
import jinja2.sandbox

SENTINEL = "CONTINUE_FINAL_MESSAGE_TAG "
SECONDS_PER_CASE = 10

# Jinja 3.1.6 blocks two list methods that earlier versions forgot, and answers an overflow in |int with the default.
jinja2.sandbox._mutable_spec = tuple(
    (kind, names | {"clear", "pop"}) if kind is abc.MutableSequence else (kind, names)
    for kind, names in jinja2.sandbox._mutable_spec
)


def to_int(value, default=0, base=10):
    try:
        return jinja2.filters.do_int(value, default, base)
    except OverflowError:
        return default


class Generation(jinja2.ext.Extension):
    """The tag {% generation %}: renders its body."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def to_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


class Clock:
    now = None


def strftime_now(pattern):
    return (Clock.now or datetime.datetime.now()).strftime(pattern)


def make_environment():
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = to_json
    environment.filters["int"] = to_int
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = strftime_now
    return environment


ENVIRONMENT = make_environment()


@functools.lru_cache(maxsize=256)
def compiled(source):
    return ENVIRONMENT.from_string(source)


def add_sentinel(case, messages):
    field = case["continue_final_message"]
    field = "content" if field is True else field
    if field not in case["template"]:
        raise ValueError(f"the template does not mention {field}")
    messages = copy.deepcopy(messages)
    text = messages[-1][field]
    if isinstance(text, (list, tuple)):
        for part in reversed(text):
            if "text" in part:
                text = part["text"]
                part["text"] += SENTINEL
                return messages, text
        raise ValueError("no text to continue")
    messages[-1][field] = text + SENTINEL
    return messages, text


def cut(rendered, text):
    if text.strip() not in rendered or SENTINEL.strip() not in rendered:
        raise ValueError("the final message is not in the prompt")
    at = rendered.rindex(SENTINEL.strip())
    if rendered[at : at + len(SENTINEL)] == SENTINEL:
        return rendered[:at]
    return rendered[:at].rstrip()


def render(case):
    Clock.now = datetime.datetime.fromisoformat(case["now"]) if case.get("now") else None
    messages = case.get("messages")
    continued = case.get("continue_final_message")
    if continued:
        if case.get("add_generation_prompt"):
            raise ValueError("continue_final_message and add_generation_prompt exclude each other")
        messages, text = add_sentinel(case, messages)
    variables = {name: token for name, token in (case.get("special_tokens") or {}).items() if token is not None}
    variables.update(case.get("kwargs") or {})
    rendered = compiled(case["template"]).render(
        **{
            **variables,
            "messages": messages,
            "tools": case.get("tools"),
            "documents": case.get("documents"),
            "add_generation_prompt": case.get("add_generation_prompt", False),
        }
    )
    rendered.encode("utf-16")
    return cut(rendered, text) if continued else rendered


def answer(case):
    signal.alarm(SECONDS_PER_CASE)
    try:
        return {"ok": True, "text": render(case)}
    except Exception as error:  # every error is an answer
        return {"ok": False, "error": f"{type(error).__name__}: {error}"[:300].encode("ascii", "backslashreplace").decode()}
    finally:
        signal.alarm(0)


def on_alarm(*_):
    raise TimeoutError("the template does not come to an end")


def main():
    signal.signal(signal.SIGALRM, on_alarm)
    print(json.dumps({"ready": True, "jinja2": jinja2.__version__}), flush=True)
    for line in sys.stdin:
        print(json.dumps({"results": [answer(case) for case in json.loads(line)["cases"]]}), flush=True)


if __name__ == "__main__":
    main()
