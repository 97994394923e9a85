"""The stream over which the page is answered: what gets lost on it is not lost to the person."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import PATIENCE_MS, ChatPage, Server
from tests.browser.test_turns import at_least, words

# Stands between the page and the server, before the page's own scripts: the end of a stream takes
# its time to arrive, and a stream can be made to break off.
_BETWEEN = """
(() => {
    const ask = fetch;
    window.streams = { ended: false, ending: false, breaks: () => {} };
    window.fetch = async (input, init) => {
        const response = await ask(input, init);
        if (!String(input.url ?? input).includes("/queue/data")) return response;
        const slowly = new TransformStream({
            start(out) { streams.breaks = () => out.terminate(); },
            async transform(chunk, out) {
                if (new TextDecoder().decode(chunk).includes('"close_stream"')) {
                    streams.ending = streams.ended = true;
                    await new Promise((done) => setTimeout(done, 1500));
                    streams.ending = false;
                }
                out.enqueue(chunk);
            },
        });
        return new Response(response.body.pipeThrough(slowly), response);
    };
})();
"""


def between(context: BrowserContext, server: Server) -> ChatPage:
    context.add_init_script(_BETWEEN)
    chat = ChatPage(context.new_page(), server.address)
    chat.open()
    return chat


def test_what_is_said_while_a_stream_ends_is_answered(context: BrowserContext, server: Server):
    slow = between(context, server)
    page = slow.page
    page.wait_for_function("streams.ended && !streams.ending")
    slow.slide("svt/benevolence", 5)
    page.wait_for_function("streams.ending")  # the server has ended it, the page does not know
    slow.ask("Is it wrong to be late?")
    assert slow.errors == []


def test_a_reply_whose_stream_breaks_goes_on_and_can_be_stopped(
    context: BrowserContext, babbler: Server
):
    chat = between(context, babbler)
    chat.write("Tell me about friendship.")
    chat.wait_for_words()
    chat.page.evaluate("streams.breaks()")
    length = len(words(chat).inner_text())
    expect(words(chat)).to_have_text(at_least(length + 200), timeout=PATIENCE_MS)
    chat.page.keyboard.press("Escape")
    chat.wait_until_ready()
    expect(chat.replies).to_contain_text("Stopped before the end.")
    chat.write("And then?")
    expect(chat.replies).to_have_count(2, timeout=PATIENCE_MS)
    chat.wait_for_words()
    chat.page.keyboard.press("Escape")
    chat.wait_until_ready()
    assert chat.errors == []


# A server and a Gradio in the test's hands: `serve` is the server's side of the stream, `answer`
# begins to answer what has joined and `id` goes on to the end, and what the page got of that is in
# `joined`.
_BY_HAND = """
(() => {
    window.joined = [];
    window.fetch = (input) => new Promise((done) => {
        if (input.url.endsWith("/queue/join"))
            window.answer = () => done(new Response(new ReadableStream({ start: (out) => {
                window.id = () => {
                    out.enqueue(new TextEncoder().encode('{"event_id":"e1"}'));
                    out.close();
                };
            } })));
        else done(new Response(new ReadableStream({ start: (out) => { window.serve = out; } })));
    });
})();
"""
_ENDED = """async () => {
    window.control = new AbortController();
    const stream = new Request("http://here/queue/data", { signal: control.signal });
    window.read = (await fetch(stream)).body.getReader();
    fetch(new Request("http://here/queue/join")).then(
        () => joined.push("answered"), (error) => joined.push(String(error)));
    serve.enqueue(new TextEncoder().encode('data: {"msg":"close_stream"}\\n\\n'));
    await read.read();
}"""
_MOMENT = "() => new Promise((done) => setTimeout(done, 300))"


@pytest.fixture
def by_hand(context: BrowserContext) -> Page:
    page = context.new_page()
    page.goto("data:text/html,")
    page.evaluate(_BY_HAND)
    page.add_script_tag(path="static/stream.js")
    page.evaluate(_ENDED)
    return page


def test_a_join_waits_until_gradio_has_closed_the_stream_that_ended(by_hand: Page):
    by_hand.evaluate("serve.close(); read.read()")
    by_hand.evaluate("answer(); id()")
    by_hand.evaluate(_MOMENT)
    assert by_hand.evaluate("joined") == []
    by_hand.evaluate("control.abort()")
    by_hand.wait_for_function("joined.length")
    assert by_hand.evaluate("joined") == ["answered"]


def test_a_join_that_is_answered_while_gradio_closes_the_stream_is_heard_of(by_hand: Page):
    by_hand.evaluate("answer()")
    by_hand.evaluate("control.abort()")
    by_hand.evaluate("id()")
    by_hand.wait_for_function("joined.length")
    assert by_hand.evaluate("joined") == ["answered"]
