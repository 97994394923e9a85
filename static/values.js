// The Values page: a link in it changes what is shown, not the page. And the chat that such a page
// leads to: /?value=svt/benevolence asks for that value once the chat is there.
(() => {
	const vf = {
		chosen: "",

		// The value that the address asks for, once: a reload must not ask for it again.
		wanted: () => {
			const url = new URL(location.href);
			const value = url.searchParams.get("value") || "";
			url.searchParams.delete("value");
			history.replaceState(null, "", url);
			return value;
		},
	};
	window.vfValues = vf;

	addEventListener("click", (event) => {
		const link = event.target.closest?.(".vf-v-link");
		const choose = document.getElementById("vf-v-choose");
		if (!link || !choose || event.metaKey || event.ctrlKey || event.shiftKey) return;
		event.preventDefault();
		vf.chosen = link.dataset.value;
		history.pushState(null, "", link.href);
		for (const each of document.querySelectorAll("#vf-v-tree .vf-v-link")) {
			if (each.dataset.value === vf.chosen) each.setAttribute("aria-current", "true");
			else each.removeAttribute("aria-current");
		}
		choose.click();
		const about = document.getElementById("vf-v-value");
		if (innerWidth < 900 || about.getBoundingClientRect().top < 0) {
			setTimeout(() => about.scrollIntoView({ behavior: "smooth" }), 120);
		}
	});

	if (new URLSearchParams(location.search).has("value")) {
		const wait = setInterval(() => {
			const use = document.getElementById("vf-use-value");
			if (!use || !document.body.classList.contains("vf-loaded")) return;
			clearInterval(wait);
			use.click();
		}, 50);
	}
})();
