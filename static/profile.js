// The profile panel, without the server: the search over values, definitions for those who hear.
(() => {
	// Found anew each time: Gradio makes the elements after this script has run.
	const at = (selector) => document.querySelector(selector);
	let words = null;
	const places = []; // where the sliders stand that were ever moved

	window.vfProfile = {
		moved: (slider, to) => {
			places[slider] = to;
			valueflow.soon("vf-changed");
		},
		places: () => JSON.stringify(Array.from(places, (place) => place ?? 0)),
	};

	function known() {
		const held = at("#vf-search-words [data-words]");
		if (!words && held) words = JSON.parse(held.dataset.words);
		return words || {};
	}

	// Every word that was typed must begin a word of the value; its own label is shown as well
	// where it has been changed to one's own words.
	function search(text) {
		const asked = text.toLowerCase().split(/[^\p{L}]+/u).filter(Boolean);
		const theories = at("#vf-theories");
		if (!theories) return;
		let found = 0;
		for (const [id, said] of Object.entries(known())) {
			const hit = asked.length > 0 && asked.every((word) => (" " + said).includes(" " + word));
			document.getElementById(id)?.classList.toggle("vf-hit", hit);
			found += hit;
		}
		theories.classList.toggle("vf-searching", asked.length > 0);
		document.body.classList.toggle("vf-found-none", asked.length > 0 && !found);
	}

	// Gradio makes a tab's content when it is first opened. Before a search each is opened once,
	// unseen, and the one that was open again.
	let opened = null;
	async function openAll() {
		const theories = at("#vf-theories");
		const tabs = () => [
			...theories.querySelectorAll(".tab-wrapper [role=tab], .overflow-dropdown button"),
		];
		const before = tabs().findIndex((tab) => tab.ariaSelected === "true");
		theories.classList.add("vf-opening");
		for (const i of [...tabs().keys(), Math.max(before, 0)]) {
			tabs()[i]?.click();
			await new Promise((done) => setTimeout(done, 20));
		}
		theories.classList.remove("vf-opening");
	}

	addEventListener("focusin", (event) => {
		if (event.target.closest?.("#vf-search")) opened ??= openAll();
	});
	addEventListener("input", async (event) => {
		if (!event.target.closest?.("#vf-search")) return;
		await (opened ??= openAll());
		search(event.target.value);
	});
	addEventListener("keydown", (event) => {
		const box = event.target.closest?.("#vf-search");
		if (!box || event.key !== "Escape" || !event.target.value) return;
		event.stopPropagation();
		event.target.value = "";
		event.target.dispatchEvent(new Event("input", { bubbles: true }));
	}, true);

	// A slider is described by its definition, which only the pointer would show.
	addEventListener("focusin", (event) => {
		const slider = event.target.closest?.(".vf-slider");
		const told = slider?.querySelector(".info-text");
		if (!told) return;
		told.id = `${slider.id}-told`;
		event.target.setAttribute("aria-describedby", told.id);
	});
})();
