// Gradio answers over one stream, which a page opens when something joins the queue unless it has one
// open, and which the server ends when nothing is left in the queue. What joins after the server's
// end but before the page has heard of it would be answered into nothing. So the page is told that
// something has joined only when the stream has spoken of it, or is closed here too. A stream that
// just breaks off counts as ended.
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
		signal?.addEventListener("abort", one.close);
		return one;
	}

	function heard(id) {
		const one = stream;
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
		const one = opened(init?.signal ?? input.signal);
		stream = one;
		try {
			const response = await ask(input, init);
			const body = new TransformStream({
				transform: (chunk, out) => {
					one.hear(chunk);
					out.enqueue(chunk);
				},
				flush: (out) => {
					one.close();
					out.enqueue(END);
				},
			});
			return new Response(response.body.pipeThrough(body), response);
		} catch (error) {
			one.close();
			throw error;
		}
	}

	async function join(input, init) {
		const response = await ask(input, init);
		if (stream && response.ok) await heard((await response.clone().json()).event_id);
		return response;
	}

	window.fetch = (input, init) => {
		const { pathname } = new URL(input.url ?? input, location.href);
		if (pathname.endsWith("/queue/data")) return listen(input, init);
		if (pathname.endsWith("/queue/join")) return join(input, init);
		return ask(input, init);
	};
})();
