"""What all scenarios share: where the console is, and how they say what they see."""

import os

LIMIT = float(os.environ.get("CONSOLE_LIMIT", "30"))
URL = os.environ.get("CONSOLE_URL", "http://127.0.0.1:3000")
KEY = os.environ.get("CONSOLE_KEY", "")


class Wrong(Exception):
    """Something is not as it should be."""


def expect(condition, text):
    if not condition:
        raise Wrong(text)


def say(text):
    print(text, flush=True)
