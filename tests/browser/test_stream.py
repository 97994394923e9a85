"""The stream over which the page is answered: what gets lost on it is not lost to the person."""

from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import PATIENCE_MS, ChatPage, Server
from tests.browser.test_turns import at_least, words

# Stands between the page and the server, before the page's own scripts: the end of a stream takes
# its time to arrive, and a stream can be made to break off.
_BETWEEN = """
(() => {
    const ask = fetch;
    window.streams = { ends: 0, open: 0, breaks: () => {} };
    window.fetch = async (input, init) => {
        const response = await ask(input, init);
        if (!String(input.url ?? input).includes("/queue/data")) return response;
        streams.open += 1;
        input.signal.addEventListener("abort", () => { streams.open -= 1; });
        const slowly = new TransformStream({
            start(out) { streams.breaks = () => out.terminate(); },
            async transform(chunk, out) {
                if (new TextDecoder().decode(chunk).includes('"close_stream"')) {
                    streams.ends += 1;
                    await new Promise((done) => setTimeout(done, 1500));
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
    page.wait_for_function("streams.ends > 0 && streams.open === 0")
    before = page.evaluate("streams.ends")
    slow.slide("svt/benevolence", 5)
    page.wait_for_function("before => streams.ends > before", arg=before)
    assert page.evaluate("streams.open") == 1  # the server has ended it, the page does not know
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
