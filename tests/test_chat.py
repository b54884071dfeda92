from __future__ import annotations

import gzip
import json
import threading
from dataclasses import replace

import pytest
from stub_chat import END, KEY, ChatServer, delta, endless, events, reset, stream, whole

from indexer.errors import ChatError, SettingsError
from indexer.settings import ChatSettings
from service import chat
from service.chat import LEFT_ALONE_SECONDS, MOST_AT_ONCE, Endpoint

ASKED = [{"role": "user", "content": "Why?"}]


@pytest.fixture
def server():
    with ChatServer() as found:
        yield found


def said(server: ChatServer, **settings) -> str:
    return "".join(Endpoint(server.settings(**settings)).reply(ASKED))


def test_a_stream_is_said_piece_by_piece(server):
    server.say(events("Because ", "it “is” so."))
    pieces = list(Endpoint(server.settings()).reply(ASKED))
    assert "".join(pieces) == "Because it “is” so."
    assert len(pieces) == 6
    assert server.paths == ["/v1/chat/completions"]
    assert server.asked == [{"model": "stub", "messages": ASKED, "stream": True, "temperature": 0}]
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


def test_without_a_key_none_is_sent(server):
    server.say(events("x"))
    assert said(server, key="") == "x"
    assert "authorization" not in server.headers[0]


def test_pieces_come_while_the_model_still_writes(server):
    more = threading.Event()
    server.say(stream([f"data: {delta('one')}\n\n", more, f"data: {delta('two')}\n\n", f"data: {END}\n\n"]))
    pieces = Endpoint(server.settings()).reply(ASKED)
    assert next(pieces) == "one"
    more.set()
    assert list(pieces) == ["two"]


@pytest.mark.parametrize(
    "reply",
    [
        whole({"choices": [{"message": {"content": "all at once"}}]}),
        stream([f"data: {delta('all at ')}\r\n\r\ndata: {delta('once')}\n\ndata: [DONE]\n\nmore that nobody reads"]),
        stream(["event: x\ndata:\n\n", f"data: {delta('all at once')}\n\n", f"data: {END}\n\n"]),
        stream(
            [
                'data: {"choices": [{"delta": {"role": "assistant", "content": null}}]}\n\n',
                'data: {"choices": [{"delta": {"reasoning_content": "hm"}}]}\n\n',
                'data: {"choices": [{"delta": {"content": "all at once"}, "finish_reason": "length"}]}\n\n',
                'data: {"choices": [], "usage": {"total_tokens": 3}}\n\n',
            ]
        ),
    ],
)
def test_endpoints_differ(server, reply):
    server.say(reply)
    assert said(server) == "all at once"


def test_a_model_that_wants_no_temperature_gets_none(server):
    server.say(whole({"error": "temperature"}, status=400), events("well"))
    assert said(server) == "well"
    assert ["temperature" in body for body in server.asked] == [True, False]


def endless_line(handler):
    handler.begin(200, "text/event-stream")
    handler.send("data: ")
    while True:
        handler.send("x" * 65536)


BROKEN = {
    "a reset": (reset, "broke off"),
    "half a stream": (events("one", end=False), "broke off in the middle"),
    "nothing": (stream([]), "broke off in the middle"),
    "broken JSON": (stream(['data: {"choices": [{"del\n\n']), "sent what no chat endpoint sends"),
    "another JSON": (stream(['data: {"choices": 3}\n\n', "data: [DONE]\n\n"]), "sent what no chat endpoint sends"),
    "a list": (stream(["data: [1]\n\n"]), "sent what no chat endpoint sends"),
    "a number for a text": (stream(['data: {"choices": [{"delta": {"content": 5}}]}\n\n']), "sent what no chat"),
    "an error in the stream": (stream(['data: {"error": {"message": "x"}}\n\n']), "sent what no chat endpoint sends"),
    "deep JSON": (stream([f"data: {'[' * 50_000}\n\n"]), "sent what no chat endpoint sends"),
    "another JSON at once": (whole({"message": "hello"}), "sent what no chat endpoint sends"),
    "no JSON at once": (whole("well", kind="application/json"), "sent what no chat endpoint sends"),
    "a page": (whole("<html>hello</html>", kind="text/html"), "is no chat endpoint"),
    "an error": (whole({"error": KEY}, status=500), "refuses (status 500)"),
    "a bad request": (whole({"error": KEY}, status=400), "refuses (status 400)"),
    "a key it does not know": (whole({"error": KEY}, status=401), "does not know the key (status 401)"),
    "a stream with an error's status": (stream([f"data: {delta('x')}\n\n"], status=503), "refuses (status 503)"),
    "an end that never comes": (endless("x" * 100), "went on and on"),
    "one event that never ends": (endless_line, "broke off"),
    "something packed": (whole("x", kind="text/event-stream", Content_Encoding="br"), "sent something packed"),
    "no HTTP": (lambda handler: handler.send("SSH-2.0-OpenSSH\r\n\r\n"), "does not speak HTTP"),
    "no bytes": (lambda _: None, "broke off"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_whatever_is_wrong_is_one_error_that_shows_no_secret(server, name):
    reply, reason = BROKEN[name]
    server.say(reply)
    with pytest.raises(ChatError) as caught:
        said(server)
    assert reason in str(caught.value)
    assert str(caught.value).startswith("127.0.0.1 ")
    assert "\n" not in str(caught.value)
    shown = [str(one) + repr(one) for one in (caught.value, caught.value.__cause__, server.settings())]
    assert not any(KEY in text for text in shown)


def test_a_packed_body_is_not_unpacked(server):
    body = gzip.compress(b"data: x\n\n" * 10)
    server.say(
        lambda handler: (handler.begin(200, "text/event-stream", Content_Encoding="gzip"), handler.wfile.write(body))
    )
    with pytest.raises(ChatError, match="sent something packed"):
        said(server)
    assert server.headers[0]["accept-encoding"] == "identity"


def test_a_body_without_an_end_is_read_so_far_and_no_further(server, monkeypatch):
    monkeypatch.setattr(chat, "MOST_BYTES", 100_000)
    sent = []

    def comments(handler):
        handler.begin(200, "text/event-stream")
        while True:
            handler.send(":" + "x" * 9_998 + "\n")
            sent.append(10_000)

    server.say(comments)
    with pytest.raises(ChatError, match="sent what no chat endpoint sends"):
        said(server)


def test_nobody_is_followed_with_the_key(server):
    with ChatServer() as elsewhere:
        elsewhere.say(events("come here"))
        for status in (301, 302, 303, 307, 308):
            server.say(whole("", status=status, Location=f"{elsewhere.address}/v1/chat/completions"))
            with pytest.raises(ChatError, match="leads elsewhere, and is not followed"):
                said(server)
        assert elsewhere.asked == []


def test_the_first_words_are_not_waited_for_longer_than_said(server):
    server.say(stream([server.closing]))
    endpoint = Endpoint(server.settings(timeout=0.05))
    with pytest.raises(ChatError, match=r"was silent for 0\.05 seconds; FOOTNOTE_CHAT_TIMEOUT allows more"):
        list(endpoint.reply(ASKED))
    server.closing.set()


def test_a_reply_that_drips_ends_with_its_time(server):
    def drip(handler):
        handler.begin(200, "text/event-stream")
        while not server.closing.wait(0.01):
            handler.send(": still here\n\n")

    server.say(drip)
    with pytest.raises(ChatError, match=r"took more than 0\.2 seconds; FOOTNOTE_CHAT_SECONDS allows more"):
        said(server, seconds=0.2)


def test_what_cannot_be_reached_is_left_alone_for_a_while(server):
    now = [100.0]
    with ChatServer() as gone:
        settings = gone.settings()
    endpoint = Endpoint(settings, clock=lambda: now[0])
    with pytest.raises(ChatError, match="cannot be reached; check FOOTNOTE_CHAT_URL"):
        list(endpoint.reply(ASKED))
    server.say(events("back"))
    endpoint._url = Endpoint(server.settings())._url
    now[0] += LEFT_ALONE_SECONDS - 1
    with pytest.raises(ChatError, match="cannot be reached"):
        list(endpoint.reply(ASKED))
    assert server.asked == []
    now[0] += 1
    assert "".join(endpoint.reply(ASKED)) == "back"


def test_a_host_without_an_address_cannot_be_reached():
    def unknown(_host, _port):
        raise OSError("no such host")

    endpoint = Endpoint(ChatSettings("http://nowhere.test/v1", "m"), lookup=unknown)
    with pytest.raises(ChatError, match=r"nowhere\.test cannot be reached"):
        list(endpoint.reply(ASKED))


def test_only_so_many_are_asked_at_once_and_each_gives_its_place_back(server):
    server.say(events("one", server.closing, "two"))
    endpoint = Endpoint(server.settings())
    replies = [endpoint.reply(ASKED) for _ in range(MOST_AT_ONCE)]
    assert [next(reply) for reply in replies] == ["on"] * MOST_AT_ONCE
    with pytest.raises(ChatError, match="is busy with 4 other questions"):
        list(endpoint.reply(ASKED))
    replies[0].close()
    assert next(endpoint.reply(ASKED)) == "on"
    server.closing.set()


def test_an_address_that_is_none_is_said_so():
    with pytest.raises(SettingsError, match="FOOTNOTE_CHAT_URL is not an address"):
        Endpoint(ChatSettings("http://ä..b/v1", "m"))


def test_no_setting_shows_the_key(server):
    settings = server.settings()
    assert KEY not in repr(settings)
    assert KEY not in str(replace(settings, model="x"))
    assert json.dumps(KEY) not in repr(Endpoint(settings).__dict__)
