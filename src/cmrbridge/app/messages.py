"""What server and worker say to each other over pipes: a table of values as JSON, and raw bytes. No pickle."""

import asyncio
import json
import struct
from typing import Any, BinaryIO

HEAD = struct.Struct(">IQ")  # bytes of the JSON, bytes behind it
MOST_WORDS, MOST_BYTES = 16 << 20, 4 << 30

Message = tuple[dict[str, Any], bytes]


def packed(words: dict[str, Any], blob: bytes = b"") -> bytes:
    """One message."""
    text = json.dumps(words).encode()
    return HEAD.pack(len(text), len(blob)) + text + blob


def sizes(head: bytes) -> tuple[int, int]:
    """(bytes of JSON, bytes behind it); ValueError where no sender of ours would say so."""
    words, blob = HEAD.unpack(head)
    if words > MOST_WORDS or blob > MOST_BYTES:
        raise ValueError(f"a message of {words} and {blob} bytes")
    return words, blob


def read_message(stream: BinaryIO) -> Message | None:
    """The next message of a blocking stream; None at its end."""
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    words, blob = sizes(head)
    return json.loads(stream.read(words)), stream.read(blob)


async def next_message(stream: asyncio.StreamReader) -> Message:
    """The next message; asyncio.IncompleteReadError at the stream's end."""
    words, blob = sizes(await stream.readexactly(HEAD.size))
    return json.loads(await stream.readexactly(words)), await stream.readexactly(blob)
