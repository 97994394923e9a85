// A thought that a person has opened stays open while it grows: each update brings a new element.
(() => {
	const opened = new Set();

	addEventListener("click", (event) => {
		const thought = event.target.closest?.(".vf-thought > summary")?.parentElement;
		if (!thought) return;
		const id = thought.dataset.message;
		// It is about to change.
		if (thought.open) opened.delete(id);
		else opened.add(id);
	});

	new MutationObserver(() => {
		if (!opened.size) return;
		for (const thought of document.querySelectorAll(".vf-thought:not([open])")) {
			if (opened.has(thought.dataset.message)) thought.open = true;
		}
	}).observe(document, { childList: true, subtree: true });
})();
