"""What faults do to a message that a socket is about to send: each action is one function of its line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from workbench.twin.canned import Voice
from workbench.twin.faults import Action, Fault, Where
from workbench.twin.line import Line
from workbench.twin.spoil import spoil


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What is about to be sent, from which door, and when (UTC ns)."""

    payload: str
    where: Where
    at: int
    voice: Voice


async def _kill(line: Line, message: Message, fault: Fault) -> None:
    line.cut()


async def _close(line: Line, message: Message, fault: Fault) -> None:
    line.close(fault.number("code"), fault.words("text"))


async def _silence(line: Line, message: Message, fault: Fault) -> None:
    line.mute = line.deaf = True


async def _half_open(line: Line, message: Message, fault: Fault) -> None:
    line.mute = True


async def _drop(line: Line, message: Message, fault: Fault) -> None:
    """Nothing is sent."""


async def _more_than_once(line: Line, message: Message, fault: Fault) -> None:
    for _ in range(1 + fault.number("times")):
        await line.write(message.payload)


async def _delay(line: Line, message: Message, fault: Fault) -> None:
    line.write_later(message.payload, fault.number("ms"))


async def _reorder(line: Line, message: Message, fault: Fault) -> None:
    await line.hold(message.payload, fault.number("ms"))


async def _corrupt(line: Line, message: Message, fault: Fault) -> None:
    await line.write(message.payload[: len(message.payload) // 2])


async def _spoil(line: Line, message: Message, fault: Fault) -> None:
    await line.write(spoil(message.payload, fault))


async def _stream_terminated(line: Line, message: Message, fault: Fault) -> None:
    await line.write(message.voice.terminated(message.payload, message.at))


async def _server_shutdown(line: Line, message: Message, fault: Fault) -> None:
    await line.write(message.payload)
    await line.write(message.voice.shutdown(message.at, wrapped=message.where is not Where.STREAM))
    line.close(1001, "", fault.number("ms"))


MESSAGES: dict[Action, Callable[[Line, Message, Fault], Awaitable[None]]] = {
    Action.KILL: _kill,
    Action.CLOSE: _close,
    Action.SILENCE: _silence,
    Action.HALF_OPEN: _half_open,
    Action.DROP: _drop,
    Action.DUPLICATE: _more_than_once,
    Action.DELAY: _delay,
    Action.REORDER: _reorder,
    Action.CORRUPT: _corrupt,
    Action.GAP: _drop,
    Action.CROSSED: _spoil,
    Action.ZERO: _spoil,
    Action.NEGATIVE: _spoil,
    Action.NAN: _spoil,
    Action.FUTURE: _spoil,
    Action.OUT_OF_RANGE: _spoil,
    Action.BURST: _more_than_once,
    Action.STREAM_TERMINATED: _stream_terminated,
    Action.LISTEN_LOSS: _drop,
    Action.SERVER_SHUTDOWN: _server_shutdown,
}
