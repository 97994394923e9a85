// Gradio answers over one stream, which a page opens when something joins the queue unless it has one
// open, and which the server ends when nothing is left in the queue. What joins after the server's
// end but before the page has heard of it would be answered into nothing. So the page is told that
// something has joined only when the stream has spoken of it, or when Gradio has closed it, which
// it does by its signal some time after it was given the end. A stream that just breaks off counts
// as ended. One that the page itself closed ends without an error, which Gradio would take for a
// lost connection of whatever has joined since, and load the page again.
(() => {
	const ask = window.fetch;
	const ID = /"event_id":"(\w+)"/g;
	const END = new TextEncoder().encode('data: {"msg":"close_stream"}\n\n');
	const PATIENCE_MS = 5000;
	let stream = null; // the open one: what it has spoken of, and who waits to hear of it

	function opened(signal) {
		const one = { spoken: new Set(), waiting: new Set() };
		const news = () => {
			for (const look of one.waiting) look();
		};
		one.hear = (chunk) => {
			for (const [, id] of new TextDecoder().decode(chunk).matchAll(ID)) one.spoken.add(id);
			news();
		};
		one.close = () => {
			if (stream === one) stream = null;
			news();
		};
		signal.addEventListener("abort", one.close);
		return one;
	}

	function heard(id) {
		const one = stream;
		if (!one) return null;
		return new Promise((done) => {
			const look = () => {
				if (stream === one && !one.spoken.has(id)) return;
				one.waiting.delete(look);
				done();
			};
			one.waiting.add(look);
			setTimeout(done, PATIENCE_MS);
			look();
		});
	}

	async function listen(input, init) {
		const signal = init?.signal ?? input.signal;
		const one = opened(signal);
		stream = one;
		const response = await ask(input, init).catch((error) => {
			one.close();
			throw error;
		});
		const reader = response.body.getReader();
		const body = new ReadableStream({
			async pull(out) {
				try {
					const { done, value } = await reader.read();
					if (value) one.hear(value);
					out.enqueue(done ? END : value);
					if (done) out.close();
				} catch (error) {
					if (signal.aborted) return out.close();
					one.close();
					out.error(error);
				}
			},
			cancel: () => reader.cancel().catch(() => {}),
		});
		return new Response(body, response);
	}

	async function join(input, init) {
		const response = await ask(input, init);
		if (response.ok) await heard((await response.clone().json()).event_id);
		return response;
	}

	window.fetch = (input, init) => {
		const { pathname } = new URL(input.url ?? input, location.href);
		if (pathname.endsWith("/queue/data")) return listen(input, init);
		if (pathname.endsWith("/queue/join")) return join(input, init);
		return ask(input, init);
	};
})();
