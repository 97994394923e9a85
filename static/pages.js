// What all pages share: the bar above them, light and dark, and when a page is ready.
(() => {
	const THEME = "valueflow.theme";
	const ICON =
		'<svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">' +
		'<circle cx="10" cy="10" r="7" fill="none" stroke="currentColor" stroke-width="1.6"/>' +
		'<path d="M10 3a7 7 0 0 1 0 14z" fill="currentColor"/></svg>';

	function kept() {
		try {
			return localStorage.getItem(THEME);
		} catch {
			return null;
		}
	}

	function show(theme) {
		if (theme) document.body.classList.toggle("dark", theme === "dark");
	}

	window.valueflow.theme = () => {
		const dark = document.body.classList.toggle("dark");
		try {
			localStorage.setItem(THEME, dark ? "dark" : "light");
		} catch {}
	};

	// Gradio makes the bar of links alone: the name, the switch and what screen readers need.
	function dress(bar) {
		const links = bar.querySelector("nav");
		links.setAttribute("aria-label", "Pages");
		const open = links.querySelector(".active");
		open?.setAttribute("aria-current", "page");
		const home = document.createElement("a");
		home.className = "vf-brand";
		home.href = links.querySelector("a").href;
		home.innerHTML = "<i></i><b>Valueflow Chat</b>";
		home.setAttribute("aria-label", "Valueflow Chat");
		bar.prepend(home);
		const light = document.createElement("button");
		light.id = "vf-theme";
		light.type = "button";
		light.title = "Light or dark";
		light.setAttribute("aria-label", "Switch between light and dark");
		light.innerHTML = ICON;
		light.addEventListener("click", window.valueflow.theme);
		bar.append(light);
		// Where the links scroll, the open page's stands in sight.
		const centre = () => {
			const left = open.offsetLeft - links.offsetLeft;
			links.scrollLeft = left - (links.clientWidth - open.offsetWidth) / 2;
		};
		if (open) {
			centre();
			addEventListener("resize", centre);
		}
	}

	let dressed = false;
	const wait = setInterval(() => {
		const bar = document.querySelector(".nav-holder");
		if (!bar?.querySelector("nav a")) return;
		if (!dressed) {
			dress(bar);
			show(kept());
			dressed = true;
		}
		// The chat is ready when its drawers are in place, which page.js sees to.
		if (document.querySelector("#vf-page")) document.body.classList.add("vf-ready");
		if (document.body.classList.contains("vf-ready")) clearInterval(wait);
	}, 30);
	addEventListener("storage", (event) => event.key === THEME && show(event.newValue));
	addEventListener("DOMContentLoaded", () => show(kept()));
})();
