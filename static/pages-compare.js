// The Compare page: its address follows what is shown; Escape stops; "keep" goes on in the chat.
(() => {
	const asked = () => new URLSearchParams(location.search).get("q") || "";
	Object.assign(window.valueflow, {
		comparison: asked,
		compared: (id) => {
			if (!id || id === asked()) return;
			const url = new URL(location.href);
			url.searchParams.set("q", id);
			history.pushState(null, "", url);
		},
		chat: (id) => {
			if (id) location.href = new URL(`./?c=${encodeURIComponent(id)}`, location.href);
		},
	});
	addEventListener("keydown", (event) => {
		if (event.key === "Escape") document.querySelector("#vf-compare-box .stop-button")?.click();
	});
})();
