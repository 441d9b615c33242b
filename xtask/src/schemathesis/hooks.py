"""What schemathesis must know of HTTP and of this server, and what it does not tell: what was answered to what."""

import atexit
import json
import re
from collections import Counter, defaultdict
from itertools import count
from pathlib import Path
from urllib.parse import quote

import requests
import schemathesis

# The white space that may stand around a header's value and is no part of it (RFC 9110, sections 5.5 and 5.6.3).
AROUND = " \t"

# What names a wish, and names with room for more. A name counts once.
WISH, FIT = "Idempotency-Key", re.compile("[!-~]{1,200}")

# A key that fits the form and is nobody's. Keys of any other form may be guesses, and after a few of them the server
# answers 429 to that address: that is right, and the check that comes with the tool takes it for wrong.
STRANGER = "opk_stranger_bm9ib2R5IGhhcyB0aGlzIGtleS4uLi4uLi4uLi4uLi4_64f9ede2"

# Events that were given up. Their names hold a slash, which the tool makes up in no path.
LETTERS = [quote(name, safe="") for name in json.loads(Path("letters.json").read_text())]

# What each change of a rule comes to, by the change: who approves one says which they saw.
RESULTS = dict(json.loads(Path("results.json").read_text()))

# How often each status was answered, by operation; how many requests there were; and which operations refuse strangers.
ANSWERS = defaultdict(Counter)
NUMBERS = count()
REFUSING = set()


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """Makes of a request what can be sent, and of most one that there is something for.

    Whoever receives the header ` key ` has been sent `key` (RFC 9110, section 5.5). A value that breaks the document's
    pattern by such white space alone is right once it arrives, so it is trimmed here, where the tool looks again whether
    it is right, and not only on the way.

    The tool makes up few keys and many bodies, and the same key with another body is refused (422) before anything else
    is looked at: each wish gets a number. What one field demands of another, no schema says; a few are left as they are.
    """
    number, headers = next(NUMBERS), case.headers or {}
    for name, value in headers.items():
        if isinstance(value, str) and value != value.strip(AROUND):
            headers[name] = value.strip(AROUND)
    if FIT.fullmatch(str(headers.get(WISH, ""))):
        headers[WISH] += f"-{number}"
    if number % 5:
        agree(case, number)


def agree(case, number):
    """Makes the parts of a request agree."""
    path, body = case.operation.path, case.body
    if path.startswith("/dead-letters/{id}"):
        case.path_parameters["id"] = LETTERS[number % len(LETTERS)]
    if not isinstance(body, dict):
        return
    if path in ("/rules/test", "/rules/dry-run") and {"id", "rule"} <= body.keys():
        del body["id" if number % 2 else "rule"]
    # One that is approved ends all others, because they are of another file: that may wait.
    if path == "/rules/changes/{id}/approve" and "seen" in body and number > 4_000:
        body["seen"] = RESULTS.get(case.path_parameters["id"], body["seen"])
    if path in ("/rules/changes", "/rules/changes/preview"):
        body.pop("seen", None)
        if body.get("kind") == "add":
            body.pop("id", None)
        if body.get("kind") == "remove":
            body.pop("rule", None)


@schemathesis.hook
def after_call(ctx, case, response):
    """Counts what is answered."""
    ANSWERS[case.operation.label][response.status_code] += 1


@schemathesis.check
def strangers_are_refused(ctx, response, case):
    """What went well with a key goes wrong without one and with another."""
    label, demands = case.operation.label, case.operation.definition.raw.get("security")
    if response.status_code >= 300 or label in REFUSING or not demands or {} in demands:
        return
    for key in (None, STRANGER):
        request = response.request.copy()
        del request.headers["X-API-Key"]
        if key:
            request.headers["X-API-Key"] = key
        status = requests.Session().send(request, timeout=10).status_code
        assert status == 401, f"a stranger hears {status}"
    REFUSING.add(label)


@atexit.register
def tell():
    """Tells what the answers were, and which operations found nothing that they could be tried on."""
    for label, answers in sorted(ANSWERS.items()):
        print(f"{label}: " + ", ".join(f"{times} x {status}" for status, times in sorted(answers.items())))
    lost = [label for label, answers in sorted(ANSWERS.items()) if 404 in answers and min(answers) >= 400]
    print(f"{sum(sum(one.values()) for one in ANSWERS.values())} answers of {len(ANSWERS)} operations")
    print(f"{len(REFUSING)} operations that want a key were asked without one")
    print(f"{len(lost)} operations say 404, and never that it went well: {', '.join(lost) or '-'}")
