"""`workbench exchange` says where it is as soon as clients may come, keeps what it must, and ends when told to."""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminal import PATIENCE_S, ask, finish, living, stop

ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001"}


class Served:
    """A running exchange as its own process, and what it said when it was ready."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, finish(process)
        self.process, self.said = process, json.loads(line)
        authority = self.said.get("authority")
        self.tls = None if authority is None else ssl.create_default_context(cafile=authority)

    def ask(self, url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, Any]:
        request = urllib.request.Request(url, data=body, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10, context=self.tls) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def rest(self, path: str) -> tuple[int, Any]:
        return self.ask(self.said["rest"] + path)

    def place(self, price: str, client_id: str) -> tuple[int, Any]:
        sent = {**ORDER, "price": price, "newClientOrderId": client_id, "timestamp": time.time_ns() // 1_000_000}
        words = "&".join(f"{name}={value}" for name, value in sent.items())
        signature = hmac.new(b"twin-secret", words.encode(), hashlib.sha256).hexdigest()
        body = f"{words}&signature={signature}".encode()
        key = {"X-MBX-APIKEY": "twin-key"}
        return self.ask(self.said["rest"] + "/api/v3/order", "POST", body, **key)

    def admin(self, path: str, method: str = "GET", content: Any = None) -> tuple[int, Any]:
        token = Path(self.said["admin_token_file"]).read_text()
        body = None if content is None else json.dumps(content).encode()
        return self.ask(self.said["admin"] + path, method, body, Authorization=f"Bearer {token}")


@contextmanager
def served(here: Path, *words: object) -> Iterator[Served]:
    with living("exchange", "--json", *words, cwd=here) as process:
        yield Served(process)


def test_it_says_one_document_when_ready_and_ends_with_0_when_told_to(here: Path) -> None:
    with served(here) as twin:
        assert twin.rest("/api/v3/ping") == (200, {})
        assert twin.said["keys"] == {"twin-key": "main"}
        token = Path(twin.said["admin_token_file"])
        assert token.stat().st_mode & 0o777 == 0o600
        taken = ask("exchange", "--port", twin.said["rest"].rpartition(":")[2])
        assert (taken.code, taken.out) == (2, "")
        assert "cannot listen on 127.0.0.1" in taken.err
        answer = stop(twin.process)
    assert (answer.code, answer.out) == (0, "")
    assert not token.parent.exists()
    assert list(here.iterdir()) == []


def test_for_people_it_says_the_same_in_lines_and_no_secret(here: Path) -> None:
    with living("exchange", "--world", "synthetic", "--speed", "20", cwd=here) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(4)]
        name, url = said[0].split()
        assert (name, url.rpartition(":")[0]) == ("rest", "http://127.0.0.1")
        wait_for_a_market(url)
        answer = stop(process, signal.SIGINT)
    assert answer.code == 0
    assert "twin-secret" not in "".join(said) + answer.out + answer.err


def wait_for_a_market(url: str) -> None:
    """A synthetic world quotes both sides by itself."""
    until = time.monotonic() + PATIENCE_S
    while True:
        with urllib.request.urlopen(url + "/api/v3/depth?symbol=BTCUSDT&limit=5", timeout=10) as answer:
            book = json.loads(answer.read())
        if book["bids"] and book["asks"]:
            return
        assert time.monotonic() < until
        time.sleep(0.05)


def test_faults_come_from_a_file_and_through_the_back_door_and_orders_outlive_restarts(here: Path) -> None:
    (here / "faults.yaml").write_text("- {where: rest, match: '* /api/v3/time', action: ban, count: 1}\n")
    with served(here, "--state", "venue", "--faults", "faults.yaml") as twin:
        assert [twin.rest("/api/v3/time")[0] for _ in range(2)] == [418, 200]
        fault = {"where": "rest", "match": "* /api/v3/ping", "action": "rate_limit", "count": 1}
        assert twin.admin("/admin/faults", "POST", fault) == (201, {"numbers": [2]})
        assert twin.rest("/api/v3/ping")[0] == 429
        assert [each["action"] for each in twin.admin("/admin/faults/log")[1]["log"]] == ["ban", "rate_limit"]
        status, placed = twin.place("10000.00", "kept")
        assert (status, placed["status"]) == (200, "NEW")
        assert twin.admin("/admin/transfer", "POST", {"asset": "USDT", "amount": "-1"})[0] == 200
        before = twin.admin("/admin/truth")
        assert twin.admin("/admin/restart", "POST", {})[0] == 200
        assert twin.rest("/api/v3/ping")[0] == 200
        assert twin.admin("/admin/truth") == before
        second = ask("exchange", "--state", "venue")
        assert second.code == 6
        assert f"process {twin.process.pid} is running here" in second.err
        assert stop(twin.process).code == 0
    assert not (here / "venue" / "admin.token").exists()
    with served(here, "--state", "venue", "--tls") as twin:
        assert twin.said["rest"].startswith("https://")
        assert twin.rest("/api/v3/ping") == (200, {})
        assert twin.admin("/admin/truth") == before
        twin.tls = ssl.create_default_context()
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            twin.rest("/api/v3/ping")


WRONG = [
    (("--dialect", "mtgox"), "dialect: expected one of binance"),
    (("--world", "flat"), "world: expected 'synthetic' or 'replay:FILE', got 'flat'"),
    (("--world", "replay:none.jsonl"), "none.jsonl is neither a file nor one of binance_spot_BTCUSDT_l2"),
    (("--speed", "0"), "speed: expected more than 0"),
    (("--faults", "none.yaml"), "none.yaml: No such file"),
    (("--faults", "bad.yaml"), "bad.yaml: fault 1: action is 'explode', expected one of"),
    (("--faults", "bytes.yaml"), "bytes.yaml: expected UTF-8 text"),
]


@pytest.mark.parametrize(("words", "complaint"), WRONG)
def test_what_is_wrong_is_said_in_one_line_before_anything_is_served(
    here: Path, words: tuple[str, ...], complaint: str
) -> None:
    (here / "bad.yaml").write_text("- {where: rest, action: explode}\n")
    (here / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    answer = ask("exchange", *words)
    assert (answer.code, answer.out) == (2, "")
    assert complaint in answer.err
    assert "Traceback" not in answer.err
