// What the chat does by itself, without the server: addresses, downloads, drawers.
(() => {
	const waiting = {};

	const vf = {
		// The conversation that the address names, or "".
		asked: () => new URLSearchParams(location.search).get("c") || "",

		// The address follows the open conversation, so that a reload and "back" return to it.
		address: (id, replace = false) => {
			if (replace) document.body.classList.add("vf-loaded");
			const url = new URL(location.href);
			if ((url.searchParams.get("c") || "") === (id || "")) return;
			if (id) url.searchParams.set("c", id);
			else url.searchParams.delete("c");
			history[replace ? "replaceState" : "pushState"](null, "", url);
		},

		// Press a hidden button once things have been quiet for a moment.
		soon: (button) => {
			clearTimeout(waiting[button]);
			waiting[button] = setTimeout(() => document.getElementById(button)?.click(), 120);
		},

		// A file made here from text: no copy of a conversation is left in a temporary folder.
		download: (file) => {
			if (!file) return;
			const { name, type, text } = JSON.parse(file);
			const link = document.createElement("a");
			link.href = URL.createObjectURL(new Blob([text], { type }));
			link.download = name;
			link.click();
			setTimeout(() => URL.revokeObjectURL(link.href), 10000);
		},

		// On a narrow window the side panels are drawers: a choice made in one closes it.
		close: (side) => {
			if (innerWidth > 768) return;
			document.querySelector(`#vf-${side}.open .toggle-button`)?.click();
		},
	};
	window.valueflow = Object.assign(window.valueflow ?? {}, vf);

	function settle() {
		const sides = { left: 1180, right: 900 };
		for (const [side, width] of Object.entries(sides)) {
			const toggle = document.querySelector(`#vf-${side} .toggle-button`);
			if (!toggle) return false;
			toggle.setAttribute(
				"aria-label",
				side === "left" ? "Show or hide conversations" : "Show or hide the profile",
			);
			if (innerWidth < width && document.querySelector(`#vf-${side}.open`)) toggle.click();
		}
		if (innerWidth > 768) document.querySelector("#vf-box textarea")?.focus();
		document.body.classList.add("vf-ready");
		return true;
	}

	const wait = setInterval(() => {
		if (document.querySelector("#vf-right.open") && settle()) clearInterval(wait);
	}, 30);
	addEventListener("popstate", () => location.reload());
	addEventListener("keydown", (event) => {
		if (event.key === "Escape") document.querySelector("#vf-box .stop-button")?.click();
	});
})();
