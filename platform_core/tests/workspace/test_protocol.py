from __future__ import annotations

import pytest

from platform_core.workspace.protocol import (
    Asset,
    Ended,
    Loaded,
    Message,
    Moved,
    Order,
    Unloadable,
    decode,
    encode,
)


@pytest.mark.parametrize(
    "message",
    [
        Order(3, ("a/x", "a/y"), ("2017-01-01",), 0, "run"),
        Order(4, ("a/x",), None, 1, "run"),
        Loaded((Asset("a/x", ("b/y",), ("1", "2"), "grid", 1, ("a/x", "a/z")), Asset("a/z"))),
        Loaded((), "0.3.1"),
        Unloadable("two\nlines"),
        Moved("a/x", "ok", rows=1, seconds=0.5, passed=2, failed=1, warned=3),
        Ended(3),
    ],
)
def test_a_message_is_one_line_and_decodes_to_itself(message: Message) -> None:
    line = encode(message)
    assert line.count(b"\n") == 1
    assert decode(line) == message


@pytest.mark.parametrize(
    "line", [b"hello\n", b"{}\n", b"[1]\n", b'{"is":"Moved","other":1}\n', b'{"is":"Nope"}\n']
)
def test_other_lines_are_not_messages(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a message|Expecting"):
        decode(line)


def test_messages_of_other_versions_have_more_or_fewer_members() -> None:
    """0.1 sent every member, but not its version; a later version may send unknown members."""
    first = b'{"is":"Loaded","assets":[{"key":"a/x","upstream":[],"partitions":null}]}'
    assert decode(first) == Loaded((Asset("a/x"),))
    later = b'{"is":"Loaded","assets":[{"key":"a/x","cost":1}],"platform_core":"0.9","mood":"good"}'
    assert decode(later) == Loaded((Asset("a/x"),), "0.9")
    assert b"error" not in encode(Moved("a/x", "ok")), "what is as usual stays unsaid"


def test_only_the_number_of_another_protocol_is_read() -> None:
    loaded = decode(b'{"is":"Loaded","protocol":2,"assets":{"new":"form"},"platform_core":"2.0.0"}')
    assert loaded == Loaded((), "2.0.0", 2)
