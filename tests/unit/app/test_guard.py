"""Whom the server answers: the page of this launch on this machine, whatever else a browser may be made to send."""

import pytest

from serving import Served

REQUIRED = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("Host", "evil.example:{port}", 421),
        ("Host", "127.0.0.1", 421),
        ("Host", "127.0.0.1:{port}.evil.example", 421),
        ("Host", "", 421),
        ("Origin", "null", 403),
        ("Origin", "http://evil.example", 403),
        ("Origin", "https://127.0.0.1:{port}", 403),
        ("Origin", "http://127.0.0.1:1", 403),
        ("Sec-Fetch-Site", "cross-site", 403),
        ("Sec-Fetch-Site", "same-site", 403),
        ("Authorization", "", 401),
        ("Authorization", "Bearer ", 401),
        ("Authorization", "Basic {token}", 401),
        ("Authorization", "Bearer {token}x", 401),
        ("Authorization", "Bearer ü", 401),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_refuses_whoever_is_not_the_page(served: Served, method: str, name: str, value: str, status: int) -> None:
    sent = value.format(port=served.port, token=served.token).encode()
    path = "/api/models" if method == "GET" else "/api/sample"
    got, headers, content = served.ask(method, path, headers={name: sent})
    assert got == status
    assert set(REQUIRED.items()) <= set(headers.items())
    assert served.token.encode() not in content
    assert served.left() == []


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "[::1]:{port}"])
@pytest.mark.parametrize("site", [None, "none", "same-origin"])
def test_answers_the_page(served: Served, host: str, site: str | None) -> None:
    own = host.format(port=served.port)
    headers = {"Host": own, "Origin": f"http://{own}"} | ({"Sec-Fetch-Site": site} if site else {})
    assert served.ask("GET", "/api/models", headers=headers)[0] == 200


def test_a_form_of_another_site_changes_nothing(served: Served) -> None:
    """A form needs no permission to be sent; it can carry neither the token nor a forged Origin."""
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"):
        headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Content-Type": kind}
        assert served.ask("POST", "/api/cases", b"a=b", headers, token=False)[0] == 403
    assert served.left() == []


def test_nobody_is_let_in_by_cors_or_a_cookie(served: Served) -> None:
    status, headers, _ = served.ask("OPTIONS", "/api/models", headers={"Origin": "http://evil.example"})
    assert status == 403
    for path in ("/", "/api/models", "/nothing"):
        _, headers, _ = served.ask("GET", path)
        assert not [name for name in headers if name.startswith("access-control-") or name == "set-cookie"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert set(REQUIRED.items()) <= set(headers.items())


def test_all_of_the_api_asks_for_the_token(served: Served) -> None:
    for method, path in (("GET", "/api/models"), ("POST", "/api/cases"), ("DELETE", "/api/cases/x"), ("GET", "/api/")):
        assert served.ask(method, path, token=False)[0] == 401


def test_listens_on_loopback_alone(served: Served) -> None:
    with open("/proc/net/tcp") as table:
        listening = [line.split()[1] for line in table.readlines()[1:] if line.split()[3] == "0A"]
    own = [address for address in listening if int(address.partition(":")[2], 16) == served.port]
    assert own == [f"0100007F:{served.port:04X}"]
