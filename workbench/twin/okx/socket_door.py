"""The socket door: the public, private and business rooms, logins, subscriptions and text pings."""

from __future__ import annotations

import asyncio
import re
from itertools import count
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from workbench.core.clock import SECOND
from workbench.twin.actions import Where
from workbench.twin.floor import Floor
from workbench.twin.keys import ApiKey, Permission
from workbench.twin.limits import Limited
from workbench.twin.okx import errors
from workbench.twin.okx.account_streams import ALGOS, PRIVATE, UID, AccountStreams
from workbench.twin.okx.formats import Instruments, Json
from workbench.twin.okx.market_streams import CANDLE, PUBLIC, MarketStreams
from workbench.twin.okx.signing import WINDOW_NS, is_passphrase, is_signature
from workbench.twin.okx.subscriptions import Listener, Subscriptions
from workbench.twin.sockets import Outlet

_SECONDS = r"[0-9]{1,12}(\.[0-9]{1,9})?"
_LOGIN = "GET/users/self/verify"  # what a login signs after its timestamp
_IDLE = 4004, "No data received in 30s."
_KEPT = ("channel", "instType", "instFamily", "instId", "ccy", "algoId")  # of an argument; the rest is not looked at


class Failed(Exception):
    """What a client asked for cannot be done."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


class _Session:
    """One connection: its room, and whose it is once it has logged in."""

    def __init__(self, outlet: Outlet, room: str, number: int) -> None:
        self.outlet, self.room = outlet, room
        self.connection = f"{number:08x}"
        self.account = ""


class SocketDoor:
    """Serves `/ws/v5/public`, `/ws/v5/private` and `/ws/v5/business`."""

    def __init__(
        self,
        floor: Floor,
        instruments: Instruments,
        subscriptions: Subscriptions,
        markets: MarketStreams,
        accounts: AccountStreams,
    ) -> None:
        self._floor, self._instruments, self._subscriptions = floor, instruments, subscriptions
        self._markets, self._accounts = markets, accounts
        self._numbers = count(1)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection, from its handshake to its end."""
        room = request.match_info["room"]
        where = Where.WSAPI if room == "private" else Where.STREAM
        try:
            async with self._floor.connection(request, where) as outlet:
                if isinstance(outlet, web.StreamResponse):
                    return outlet
                return await self._converse(_Session(outlet, room, next(self._numbers)))
        except Limited as limit:
            error = errors.limited(limit)
            text = msgspec.json.encode(error.body()).decode()
            return web.Response(status=error.status, text=text, content_type="application/json")

    async def _converse(self, session: _Session) -> web.WebSocketResponse:
        outlet = session.outlet
        idle = asyncio.create_task(_end_when_idle(outlet, self._floor.timing.idle_s))
        try:
            async for message in outlet.heard():
                if message.type is WSMsgType.TEXT:
                    await self._hear(session, message.data)
        finally:
            idle.cancel()
            self._subscriptions.leave(outlet)
        return outlet.socket

    async def _hear(self, session: _Session, text: str) -> None:
        if text == "ping":
            session.outlet.say(Where.WSAPI, "pong", "pong")
            return
        try:
            call = msgspec.json.decode(text, type=dict[str, Any])
            op, args = call.get("op"), msgspec.convert(call.get("args"), list[dict[str, Any]])
        except msgspec.MsgspecError:
            self._say(session, "error", _error(session, Failed("60012", f"Illegal request: {text}"), None))
            return
        if op not in ("login", "subscribe", "unsubscribe"):
            self._say(session, "error", _error(session, Failed("60012", f"Illegal request: {text}"), call.get("id")))
            return
        for arg in args:
            await self._carry_out(session, op, arg, call.get("id"))

    async def _carry_out(self, session: _Session, op: str, arg: Json, call_id: Any) -> None:
        """One argument of a call, as faults let it; a new listener then hears the present state."""
        added: list[tuple[str, Listener]] = []

        async def execute() -> str:
            return self._executed(session, op, arg, call_id, added)

        name = "login" if op == "login" else f"{op}:{arg.get('channel', '')}"
        answer = await self._floor.meddler.answer(session.outlet.socket, name, call_id, execute)
        if answer is None:
            return
        self._say(session, name, answer)
        if added and added[0][1].account:
            self._say(session, "channel-conn-count", self._counted(session, added[0]))
        for channel, listener in added:
            (self._accounts if listener.account else self._markets).welcome(channel, listener)

    def _counted(self, session: _Session, added: tuple[str, Listener]) -> str:
        """How many connections of the account hear a channel."""
        name, listener = added
        outlets = {each.outlet for each in self._subscriptions.of(name, listener.account)} | {session.outlet}
        said = {"event": "channel-conn-count", "channel": name, "connCount": str(len(outlets))}
        return _encoded({**said, "connId": session.connection})

    def _executed(self, session: _Session, op: str, arg: Json, call_id: Any, added: list[tuple[str, Listener]]) -> str:
        try:
            if op == "login":
                session.account = self._login(session, arg).account
                said: Json = {"event": "login", "code": "0", "msg": ""}
            else:
                added += self._subscribed(session, op, arg)
                said = {"event": op, "arg": _kept(arg)}
        except Failed as failure:
            return _error(session, failure, call_id)
        return _encoded({**said, **({} if call_id is None else {"id": call_id}), "connId": session.connection})

    def _login(self, session: _Session, arg: Json) -> ApiKey:
        sent = {name: str(arg.get(name, "")) for name in ("apiKey", "passphrase", "timestamp", "sign")}
        if session.room == "public":
            raise Failed("60008", "Login is not supported for public channels.")
        stamp = sent["timestamp"]
        if not re.fullmatch(_SECONDS, stamp, re.ASCII):
            raise Failed("60004", "Invalid timestamp")
        if abs(self._floor.clock.now() - int(stamp.split(".")[0]) * SECOND) > WINDOW_NS:
            raise Failed("60006", "Timestamp request expired")
        key = self._floor.keys.find(sent["apiKey"])
        if key is None or key.revoked:
            raise Failed("60005", "Invalid apiKey")
        if not is_passphrase(key, sent["passphrase"]):
            raise Failed("60024", "Wrong passphrase")
        if not is_signature(key, stamp + _LOGIN, sent["sign"]):
            raise Failed("60007", "Invalid sign")
        if not key.permits(Permission.READ, session.outlet.address):
            raise Failed("60009", "Login failed.")
        return key

    def _subscribed(self, session: _Session, op: str, arg: Json) -> list[tuple[str, Listener]]:
        """Ends a subscription, or gives the listener to add."""
        asked, channel = _kept(arg), str(arg.get("channel", ""))
        private = channel in PRIVATE or channel == ALGOS
        native = str(arg.get("instId", ""))
        if not self._offered(session.room, channel, native):
            said = "".join(f",{name}:{value}" for name, value in asked.items() if name != "channel")
            raise Failed("60018", f"Wrong URL or channel:{channel}{said} doesn't exist. Please use the correct URL.")
        if private and not session.account:
            raise Failed("60011", "Please log in")
        name, shown = (channel, {**asked, "uid": UID}) if private else (f"{channel}:{native}", asked)
        if op == "unsubscribe":
            self._subscriptions.remove(name, session.outlet, shown)
            return []
        if len(self._subscriptions.of_outlet(session.outlet)) >= self._floor.meter.limits.streams:
            raise Failed("60020", "APIKey subscription amount exceeds the limit")
        return [(name, Listener(session.outlet, shown, session.account if private else ""))]

    def _offered(self, room: str, channel: str, native: str) -> bool:
        if room == "private":
            return channel in PRIVATE and native in ("", *self._instruments.unified)
        if room == "business" and channel == ALGOS:
            return True
        rooms = channel.startswith(CANDLE) if room == "business" else channel in PUBLIC
        return rooms and self._markets.offers(channel, native)

    def _say(self, session: _Session, name: str, text: str) -> None:
        session.outlet.say(Where.WSAPI, name, text)


async def _end_when_idle(outlet: Outlet, seconds: float) -> None:
    """Closes a connection on which nothing was said from either side for so long."""
    loop = asyncio.get_running_loop()
    while (left := outlet.active_at + seconds - loop.time()) > 0:
        await asyncio.sleep(left)
    await outlet.close(*_IDLE)


def _kept(arg: Json) -> Json:
    return {name: arg[name] for name in _KEPT if name in arg}


def _error(session: _Session, failure: Failed, call_id: Any) -> str:
    said = {"event": "error", "code": failure.code, "msg": failure.text, "connId": session.connection}
    return _encoded({**said, **({} if call_id is None else {"id": call_id})})


def _encoded(said: Json) -> str:
    return msgspec.json.encode(said).decode()
