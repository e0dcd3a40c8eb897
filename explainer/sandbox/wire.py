"""The wire: what pool, zygote and worker say to each other, and how it is read.

    pool ── Spawn, Behind, Start, Kill ─▶ zygote ── Up, Primed, Spawned, Dead, Broken ─▶ pool
    pool ── Job ─▶ worker ── Ready, Progress…, Answer | Raised ─▶ pool
    pool ── Spawn(bait) ─▶ zygote ─▶ canary ── Tried ─▶ pool
    cluster ── Errand ─▶ cluster_worker ── Offer; Progress…, Answer ─▶ cluster

A frame is four bytes of length and one MessagePack message of a declared type. No pickle.
A worker runs the user's code, so nothing it says is believed: a frame past its cap, of a
wrong type, badly nested or not UTF-8 raises `BadFrame`, never anything else.
"""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Iterator
from typing import Annotated, TypeVar

import msgspec

from explainer.report import Isolation, Report, clean
from explainer.sandbox import plausible
from explainer.sandbox.canary import Bait
from explainer.sandbox.settings import Limits, Strategy, Wall
from explainer.spec import Request, Stage

HEADER = struct.Struct("<I")
CONTROL_CAP = 1 << 16
CONTAINERS = bytes([*range(0x80, 0xA0), *range(0xDC, 0xE0)])  # how lists and maps begin in MessagePack
CONTAINERS_CAP = 3_000_000
MB = 1 << 20
OP_OFFER, OP_EXPLAIN = "explainer_offer", "explainer_explain"  # what a worker of a cluster is asked for


class BadFrame(Exception):
    """Reports bytes that are not a message we know."""


class FrameTooLarge(BadFrame):
    """Reports a frame that announces more bytes than its cap."""


class Config(msgspec.Struct, frozen=True):
    """What a zygote is told at its start."""

    control: int
    strategy: Strategy
    target: str
    warmup: str
    path: tuple[str, ...]
    walls: tuple[Wall, ...] = ()
    readable: tuple[str, ...] = ()
    landlock_abi: int = 0


class Spawn(msgspec.Struct, frozen=True, tag=True):
    """Orders a worker; its end of the socket and of the output pipe travel with the bytes.

    With `bait` it is a canary: it tries to get out, tells what it could, and takes no request.
    """

    job: int
    limits: Limits
    bait: Bait | None = None
    behind: bool = False  # as `Behind`, from the start


class Start(msgspec.Struct, frozen=True, tag=True):
    """Says that a worker got its request: the zygote now watches its memory and its time."""

    job: int


class Kill(msgspec.Struct, frozen=True, tag=True):
    """Orders the end of a worker and of everything it started."""

    job: int


class Behind(msgspec.Struct, frozen=True, tag=True):
    """Orders that a worker gets little of the processors while others want them."""

    job: int


class Up(msgspec.Struct, frozen=True, tag=True):
    """Says that the zygote has imported what every request needs and can make workers."""

    seconds: float


class Primed(msgspec.Struct, frozen=True, tag=True):
    """Says that the zygote has done all that makes later workers faster."""


class Broken(msgspec.Struct, frozen=True, tag=True):
    """Says why the zygote cannot work."""

    text: str


class Spawned(msgspec.Struct, frozen=True, tag=True):
    """Says which process a worker is."""

    job: int
    pid: int


class Dead(msgspec.Struct, frozen=True, tag=True):
    """Says how a worker ended.

    `why`: "memory", "threads" or "deadline" (a limit), "order" (ours), "zygote" (it died too), "" (its own
    doing).
    """

    job: int
    signal: int = 0
    code: int = 0
    why: str = ""
    peak_mb: float = 0.0


class Job(msgspec.Struct, frozen=True, tag=True):
    """The one request a worker answers."""

    request: Request
    until: Stage


class Ready(msgspec.Struct, frozen=True, tag=True):
    """Says that a worker is warm, `seconds` after it was made, and which walls stand round it."""

    seconds: float
    walls: tuple[Wall, ...] = ()


class Tried(msgspec.Struct, frozen=True, tag=True):
    """Says what a canary could do (`open`, names of canary.DENIED), and why walls are missing."""

    open: tuple[str, ...]
    walls: tuple[Wall, ...]
    missing: tuple[str, ...] = ()


class Progress(msgspec.Struct, frozen=True, tag=True):
    """A Report of what is known so far."""

    report: Report


class Answer(msgspec.Struct, frozen=True, tag=True):
    """The whole Report."""

    report: Report


class Raised(msgspec.Struct, frozen=True, tag=True):
    """An exception that left the analysis."""

    error_type: str
    message: str


class Errand(msgspec.Struct, frozen=True, tag=True):
    """A request for another host, and the limits it has there."""

    request: Request
    until: Stage
    limits: Limits


class Offer(msgspec.Struct, frozen=True, tag=True):
    """Says what another host can do: `jobs` at a time, this well isolated; `version` of its Reports."""

    jobs: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    isolation: Isolation
    version: int


ToZygote = Spawn | Behind | Start | Kill
FromZygote = Up | Primed | Broken | Spawned | Dead
FromWorker = Ready | Tried | Progress | Answer | Raised

T = TypeVar("T")


_TO_ZYGOTE: msgspec.msgpack.Decoder[ToZygote] = msgspec.msgpack.Decoder(ToZygote)
_FROM_ZYGOTE: msgspec.msgpack.Decoder[FromZygote] = msgspec.msgpack.Decoder(FromZygote)
_TO_WORKER: msgspec.msgpack.Decoder[Job] = msgspec.msgpack.Decoder(Job)
_FROM_WORKER: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)
_TO_HOST: msgspec.msgpack.Decoder[Errand] = msgspec.msgpack.Decoder(Errand)
_FROM_HOST: msgspec.msgpack.Decoder[Offer] = msgspec.msgpack.Decoder(Offer)


def to_zygote(payload: bytes) -> ToZygote:
    """Returns the order in a frame; raises BadFrame."""
    return _decode(_TO_ZYGOTE, payload)


def from_zygote(payload: bytes) -> FromZygote:
    """Returns the zygote's news in a frame; raises BadFrame."""
    return _decode(_FROM_ZYGOTE, payload)


def to_worker(payload: bytes) -> Job:
    """Returns the request in a frame; raises BadFrame."""
    return _decode(_TO_WORKER, payload)


def from_worker(payload: bytes) -> FromWorker:
    """Returns a worker's message in a frame; raises BadFrame."""
    _require_few_values(payload)
    message = _decode(_FROM_WORKER, payload)
    if isinstance(message, (Progress, Answer)):
        try:
            plausible.require(message.report)
        except plausible.Implausible as error:
            raise BadFrame(str(error)) from error
    return message


def to_errand(payload: bytes) -> Errand:
    """Returns the errand in a message; raises BadFrame."""
    return _decode(_TO_HOST, payload)


def to_offer(payload: bytes) -> Offer:
    """Returns another host's offer in a message; raises BadFrame."""
    return _decode(_FROM_HOST, payload)


def _decode(decoder: msgspec.msgpack.Decoder[T], payload: bytes) -> T:
    try:
        return decoder.decode(payload)
    # msgspec lets UnicodeDecodeError (a ValueError) and, for deep nesting, RecursionError through
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        raise BadFrame(f"{type(error).__name__}: {clean(str(error)[:500])}") from error


class Frames:
    """Cuts a byte stream into frames of at most `cap` bytes."""

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yields each frame that `data` completes; raises FrameTooLarge before storing it."""
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            (size,) = HEADER.unpack_from(self._buffer)
            if size > self._cap:
                raise FrameTooLarge(f"a message of {size:,} bytes; at most {self._cap:,} are taken")
            if len(self._buffer) < HEADER.size + size:
                return
            frame = bytes(self._buffer[HEADER.size : HEADER.size + size])
            del self._buffer[: HEADER.size + size]
            yield frame


def pack(message: msgspec.Struct) -> bytes:
    """Returns the frame of a message."""
    payload = encode(message)
    return HEADER.pack(len(payload)) + payload


def encode(message: msgspec.Struct) -> bytes:
    """Returns the bytes of a message. Lone surrogates in its strings become "?"."""
    try:
        return msgspec.msgpack.encode(message)
    except UnicodeEncodeError:  # user text can hold them: "\\ud800"; UTF-8 can not
        return msgspec.msgpack.encode(clean(msgspec.to_builtins(message)))


def send(connection: socket.socket, message: msgspec.Struct) -> None:
    """Sends one frame."""
    connection.sendall(pack(message))


def hung_up(connection: socket.socket) -> bool:
    """Returns whether the other end is closed, though there may be bytes of it to read."""
    poll = select.poll()
    poll.register(connection, 0)
    return bool(poll.poll(0))


def packed(request: Request, until: Stage) -> tuple[Request, bytes]:
    """Returns a request with every string fit for UTF-8, and the frame of its Job."""
    try:
        payload = msgspec.msgpack.encode(Job(request, until))
    except UnicodeEncodeError:
        return packed(msgspec.convert(clean(msgspec.to_builtins(request)), Request), until)
    return request, HEADER.pack(len(payload)) + payload


def _require_few_values(payload: bytes) -> None:
    """Raises BadFrame for bytes that would unfold into far more memory than they take themselves.

    An empty list is one byte on the wire and 56 in Python. Lists and maps begin with one of these bytes,
    which text holds only outside of ASCII, so the count is an upper bound.
    """
    containers = len(payload) - len(payload.translate(None, CONTAINERS))
    if containers > CONTAINERS_CAP:
        raise BadFrame(f"a message of up to {containers:,} lists; at most {CONTAINERS_CAP:,} are taken")
