"""Logging in: tokens, cookies, their end, and the brake on guessing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from litestar.testing import TestClient

from appliance.serve.app import create_app
from appliance.serve.security import FAILURES, NAMES, LoginBrake, issue_token
from appliance.store.engine import Store
from appliance.store.users import User, delete_user, upsert_user
from tests.conftest import NOW
from tests.serve.conftest import PASSWORD, SECRET, Client, MakeContext, bearer_of, problem

TOKEN = "/v1/auth/token"
LOGIN = {"username": "amal", "password": PASSWORD}


@pytest.fixture(autouse=True)
def amal(store: Store) -> None:
    bearer_of(store, "amal", "admin")


def log_in(client: Client) -> dict[str, Any]:
    answer = client.post(TOKEN, json=LOGIN)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def me(client: Client, token: str) -> httpx.Response:
    return client.get("/v1/auth/me", headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize("sent", [{"json": LOGIN}, {"data": LOGIN}], ids=["json", "form"])
def test_a_name_and_password_give_tokens(client: Client, sent: dict[str, Any]) -> None:
    answer = client.post(TOKEN, **sent)
    tokens = answer.json()
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    assert set(tokens) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 1800)
    client.cookies.clear()
    assert me(client, tokens["access_token"]).json() == {"name": "amal", "role": "admin"}


def test_the_browser_gets_cookies_that_no_script_and_no_other_site_can_use(client: Client) -> None:
    cookies = client.post(TOKEN, json=LOGIN).headers.get_list("set-cookie")
    assert sorted(cookie.partition("=")[0] for cookie in cookies) == ["hexpost_access", "hexpost_refresh"]
    assert all("HttpOnly" in cookie and "SameSite=strict" in cookie for cookie in cookies)
    assert client.get("/v1/auth/me").json()["role"] == "admin"


def test_without_a_login_one_is_public(client: Client) -> None:
    assert client.get("/v1/auth/me").json() == {"name": "", "role": "public"}
    client.cookies.set("hexpost_access", "rubbish")
    assert client.get("/v1/auth/me").json() == {"name": "", "role": "public"}


def test_a_refresh_token_gives_new_tokens_and_nothing_else(client: Client) -> None:
    tokens = log_in(client)
    problem(me(client, tokens["refresh_token"]), 401)
    fresh = client.post(TOKEN, data={"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]})
    assert me(client, fresh.json()["access_token"]).json()["name"] == "amal"
    by_cookie = client.post(TOKEN, json={"grant_type": "refresh_token"})
    assert by_cookie.status_code == 200
    wrong = {"grant_type": "refresh_token", "refresh_token": tokens["access_token"]}
    problem(client.post(TOKEN, json=wrong), 401)


@pytest.mark.parametrize("change", ["password", "gone"])
def test_tokens_end_with_the_password_and_with_the_user(client: Client, store: Store, change: str) -> None:
    tokens = log_in(client)
    with store.write() as connection:
        if change == "password":
            upsert_user(connection, name="amal", role="admin", password="another long one", now=NOW)
        else:
            delete_user(connection, "amal")
    problem(me(client, tokens["access_token"]), 401)
    problem(client.post(TOKEN, json={"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}), 401)
    assert client.get("/v1/auth/me").json()["role"] == "public"  # the cookie only no longer helps


def forged(**changes: Any) -> str:
    claims = {"sub": "amal", "gen": 1, "use": "access", "exp": int(NOW.timestamp()) + 60, **changes}
    return jwt.encode({key: value for key, value in claims.items() if value is not None}, SECRET, algorithm="HS256")


@pytest.mark.parametrize(
    "token",
    [
        "",
        "rubbish",
        "a.b.c",
        jwt.encode({"sub": "amal", "gen": 1, "use": "access", "exp": 9e9}, b"another secret" * 3, algorithm="HS256"),
        jwt.encode({"sub": "amal", "gen": 1, "use": "access", "exp": 9e9}, None, algorithm="none"),
        forged(gen=2),
        forged(gen=None),
        forged(sub="nobody"),
        forged(sub=None),
        forged(exp=None),
        forged(exp=int(NOW.timestamp())),
        forged(exp="soon"),
        forged(use="refresh"),
    ],
)
def test_a_token_that_does_not_hold_is_refused(client: Client, token: str) -> None:
    answer = me(client, token)
    problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_token_holds_until_its_time_by_the_boxs_clock(make_context: MakeContext, store: Store) -> None:
    user = User(name="amal", role="admin", generation=1)
    token = issue_token(user, "access", seconds=60, secret=SECRET, clock=lambda: NOW)
    for seconds, status in ((59, 200), (60, 401)):
        later = make_context(clock=lambda seconds=seconds: NOW + timedelta(seconds=seconds))
        with TestClient(create_app(later)) as client:
            assert me(client, token).status_code == status


def test_no_token_is_taken_from_a_url(client: Client) -> None:
    token = log_in(client)["access_token"]
    client.cookies.clear()
    for name in ("token", "access_token", "hexpost_access"):
        problem(client.get(f"/v1/status?{name}={token}"), 401)


def test_another_scheme_than_bearer_is_refused(client: Client) -> None:
    problem(client.get("/v1/auth/me", headers={"Authorization": "Basic YTpi"}), 401)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/json"),
        (b"[]", "application/json"),
        (b'{"username": 7, "password": "x"}', "application/json"),
        (b'{"username": "amal"}', "application/json"),
        (b'{"username": "\xff", "password": "x"}', "application/json"),
        (b"[" * 9_999, "application/json"),
        (b"username=amal", "application/x-www-form-urlencoded"),
        (b"\xff\xfe=%ff", "application/x-www-form-urlencoded"),
        (b"username=%00&password=", "application/x-www-form-urlencoded"),
        (b"--x", "multipart/form-data; boundary=x"),
        (b"--x", "multipart/form-data"),
    ],
)
def test_a_body_without_a_name_and_password_is_a_problem(client: Client, body: bytes, kind: str) -> None:
    problem(client.post(TOKEN, content=body, headers={"Content-Type": kind}), 400)


@pytest.mark.parametrize("name", ["amal", "nobody", "\x00", "ا" * 500, "%ED%A0%80"])
def test_a_wrong_password_and_a_wrong_name_sound_the_same(client: Client, name: str) -> None:
    answer = client.post(TOKEN, json={"username": name, "password": "wrong"})
    assert problem(answer, 401)["detail"] == "name or password is wrong"
    assert "set-cookie" not in answer.headers


def test_after_five_failures_even_the_right_password_waits(client: Client) -> None:
    for _ in range(FAILURES):
        problem(client.post(TOKEN, json={**LOGIN, "password": "wrong"}), 401)
    answer = client.post(TOKEN, json=LOGIN)
    assert "try again in a minute" in problem(answer, 503)["detail"]
    assert answer.headers["retry-after"]
    problem(client.post(TOKEN, json={"username": "badr", "password": "wrong"}), 401)  # others do not


def test_a_success_forgives_and_the_brake_is_bounded_in_names(client: Client) -> None:
    for password in ("wrong",) * (FAILURES - 1):
        problem(client.post(TOKEN, json={**LOGIN, "password": password}), 401)
    log_in(client)
    problem(client.post(TOKEN, json={**LOGIN, "password": "wrong"}), 401)
    log_in(client)
    brake = LoginBrake()
    for n in range(NAMES + 10):
        for _ in range(FAILURES):
            brake.failed(f"n{n}")
    brake.check("n0")  # pushed out by the others


def test_the_cookie_is_secure_where_the_page_is(make_context: MakeContext, live: Callable[..., str]) -> None:
    with TestClient(create_app(make_context()), base_url="https://box.local") as client:
        cookies = client.post(TOKEN, json=LOGIN).headers.get_list("set-cookie")
    assert all("Secure" in cookie for cookie in cookies)
    plain = httpx.post(f"{live()}{TOKEN}", json=LOGIN).headers.get_list("set-cookie")
    assert not any("Secure" in cookie for cookie in plain)


def test_a_token_issued_under_a_clock_that_was_set_back_since_does_not_hold_for_years(
    make_context: MakeContext, store: Store
) -> None:
    with TestClient(create_app(make_context())) as client:
        for ahead, status in ((timedelta(days=3652), 401), (timedelta(minutes=4), 200)):
            user = User(name="amal", role="admin", generation=1)
            token = issue_token(user, "access", seconds=600, secret=SECRET, clock=lambda ahead=ahead: NOW + ahead)
            assert me(client, token).status_code == status
        assert me(client, log_in(client)["access_token"]).status_code == 200  # nobody is locked out
