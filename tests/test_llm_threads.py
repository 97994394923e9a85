"""llama.cpp's work in threads of its own."""

import signal
import threading
import time

import pytest

from chat_app.llm.threads import in_own_thread


def test_the_work_is_done_in_a_thread_that_has_ended_when_its_result_is_there():
    worker = in_own_thread(lambda stopped: (threading.current_thread(), stopped()))
    assert worker[0] is not threading.current_thread()
    assert not worker[0].is_alive()
    assert worker[1] is False


def test_its_errors_are_raised_where_it_is_waited_for():
    with pytest.raises(ZeroDivisionError):
        in_own_thread(lambda stopped: 1 // 0)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs signals between threads")
def test_an_interrupt_ends_the_wait_and_tells_the_work():
    seen = []
    # What a shell starts in the background ignores it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def work(stopped):
        time.sleep(0.2)  # until it is waited for
        main = threading.main_thread().ident
        assert main
        signal.pthread_kill(main, signal.SIGINT)
        for _ in range(1000):
            if stopped():
                break
            time.sleep(0.01)
        seen.append(stopped())

    try:
        with pytest.raises(KeyboardInterrupt):
            in_own_thread(work)
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [True]
