"""What schemathesis must know of HTTP and of this server, and what it does not tell: what was answered to what."""

import atexit
import json
import re
from collections import Counter, defaultdict
from itertools import count
from pathlib import Path
from urllib.parse import quote

import schemathesis

# The white space that may stand around a header's value and is no part of it (RFC 9110, sections 5.5 and 5.6.3).
AROUND = " \t"

# What names a wish, and names with room for more. A name counts once.
WISH, FIT = "Idempotency-Key", re.compile("[!-~]{1,200}")

PLANTED = json.loads(Path("planted.json").read_text())

# Events that were given up. Their names hold a slash, which the tool makes up in no path.
LETTERS = [quote(name, safe="") for name in PLANTED["letters"]]

# What each change of a rule comes to, by the change: who approves one says which they saw.
RESULTS = dict(PLANTED["results"])

# What no schema says: which names there are, which spans are short enough, what a rule is. The dictionary of each field,
# by a pattern of the path; one that is not there is not right (400), and no request that fits the document says it.
RULES = {"detector": "detectors", "id": "rules", "rule": "texts"}
KNOWN = [
    (re.compile(pattern), fields)
    for pattern, fields in {
        "/approvals(/preview)?": {"actionType": "actions"},
        "/(keys|tokens)": {"expiresIn": "spans"},
        "/on-call/overrides": {"schedule": "schedules", "person": "people"},
        "/rules/(test|dry-run|changes(/preview)?)": RULES,
        "/users(/[^/]*/password)?": {"password": "passwords"},
    }.items()
]

# The cursors that answers named, by operation.
CURSORS = defaultdict(list)

# How often each status was answered, by operation; and how many requests there were.
ANSWERS = defaultdict(Counter)
NUMBERS = count()


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """Makes of a request what can be sent, and of most one that there is something for.

    Whoever receives the header ` key ` has been sent `key` (RFC 9110, section 5.5). A value that breaks the document's
    pattern by such white space alone is right once it arrives, so it is trimmed here, where the tool looks again whether
    it is right, and not only on the way.

    The tool makes up few keys and many bodies, and the same key with another body is refused (422) before anything else
    is looked at: each wish gets a number. What is meant to be right says what there is; of the rest, a few are left as
    they are.

    The tool tries whether anybody is let in, with keys of its own. After some of them the server looks at no key from that
    address (429): each request comes from another, for which the tool is a proxy.
    """
    number, headers = next(NUMBERS), case.headers
    headers["X-Forwarded-For"] = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    for name, value in headers.items():
        if isinstance(value, str) and value != value.strip(AROUND):
            headers[name] = value.strip(AROUND)
    if FIT.fullmatch(str(headers.get(WISH, ""))):
        headers[WISH] += f"-{number}"
    if case.meta and case.meta.generation.mode.is_positive:
        mean(case, number)
    if number % 5:
        agree(case, number)


def mean(case, number):
    """Makes a request that fits the document one that says what there is."""
    path, body, query = case.operation.path, case.body, case.query or {}
    if "cursor" in query:
        known = CURSORS[case.operation.label]
        if known:
            query["cursor"] = known[number % len(known)]
        else:
            del query["cursor"]
    if not isinstance(body, dict):
        return
    for pattern, fields in KNOWN:
        for field in fields.keys() & body.keys() if pattern.fullmatch(path) else ():
            values = PLANTED[fields[field]]
            if body[field] not in values:
                body[field] = values[number % len(values)]
    if path.startswith("/approvals") and "actionType" in body:
        scale = body["actionType"] == "scale"
        body["arguments"] = {"replicas": 1 + number % 9} if scale else {}
    if path == "/on-call/overrides" and body.keys() >= {"from", "until"}:
        hour = number % 23
        body["from"], body["until"] = (f"2098-01-01T{at:02}:00:00Z" for at in (hour, hour + 1))


def agree(case, number):
    """Makes the parts of a request agree."""
    path, body = case.operation.path, case.body
    if path.startswith("/dead-letters/{id}"):
        case.path_parameters["id"] = LETTERS[number % len(LETTERS)]
    if not isinstance(body, dict):
        return
    # One that is approved ends all others, because they are of another file: that may wait.
    if path == "/rules/changes/{id}/approve" and "seen" in body and number > 4_000:
        body["seen"] = RESULTS.get(case.path_parameters["id"], body["seen"])
    if path in ("/rules/changes", "/rules/changes/preview"):
        body.pop("seen", None)


@schemathesis.hook
def after_call(ctx, case, response):
    """Counts what is answered, and keeps what leads on."""
    ANSWERS[case.operation.label][response.status_code] += 1
    if response.status_code == 200 and b'"nextCursor"' in response.content:
        CURSORS[case.operation.label].append(response.json()["nextCursor"])


@atexit.register
def tell():
    """Tells what the answers were, and which operations found nothing that they could be tried on."""
    for label, answers in sorted(ANSWERS.items()):
        print(f"{label}: " + ", ".join(f"{times} x {status}" for status, times in sorted(answers.items())))
    lost = [label for label, answers in sorted(ANSWERS.items()) if 404 in answers and min(answers) >= 400]
    print(f"{sum(sum(one.values()) for one in ANSWERS.values())} answers of {len(ANSWERS)} operations")
    print(f"{len(lost)} operations say 404, and never that it went well: {', '.join(lost) or '-'}")
