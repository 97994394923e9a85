// The score details: which reply they are of, opening and closing, and where the focus goes.
(() => {
	const vf = { message: "", value: "" };
	window.vfDetails = vf;
	const panel = () => document.getElementById("vf-details");
	const isOpen = () => document.body.classList.contains("vf-details-open");

	// All that lies beside the panel, on the way up to the page, cannot be reached meanwhile.
	function rest(inert) {
		for (let at = panel(); at && at !== document.body; at = at.parentElement) {
			for (const other of at.parentElement.children) {
				if (other !== at && !other.querySelector("#vf-details-open, .toast-wrap")) other.inert = inert;
			}
		}
	}

	function open(message) {
		vf.message = message;
		document.body.classList.add("vf-details-open");
		const box = document.getElementById("vf-details-box");
		panel().setAttribute("role", "dialog");
		panel().setAttribute("aria-modal", "true");
		panel().setAttribute("aria-labelledby", "vf-details-title");
		box.scrollTop = 0;
		rest(true);
		document.getElementById("vf-details-open").click();
		panel().querySelector(".vf-d-close").focus();
	}

	function close() {
		document.body.classList.remove("vf-details-open");
		rest(false);
		// The chat may have been drawn anew, its link with it.
		document.querySelector(`.vf-all[data-message="${CSS.escape(vf.message)}"]`)?.focus();
	}

	function choose(row) {
		for (const each of panel().querySelectorAll(".vf-d-row")) {
			each.setAttribute("aria-pressed", String(each === row));
		}
		vf.value = row.dataset.value;
		document.getElementById("vf-details-choose").click();
		const why = document.getElementById("vf-details-why");
		if (innerWidth < 900) setTimeout(() => why.scrollIntoView({ behavior: "smooth" }), 150);
	}

	addEventListener("click", (event) => {
		const link = event.target.closest?.(".vf-all");
		if (link) open(link.dataset.message);
		else if (!isOpen()) return;
		else if (event.target === panel() || event.target.closest(".vf-d-close")) close();
		else if (event.target.closest(".vf-d-row")) choose(event.target.closest(".vf-d-row"));
	});
	addEventListener(
		"keydown",
		(event) => {
			if (!isOpen()) return;
			if (event.key === "Escape") {
				event.stopImmediatePropagation(); // it would stop a reply, too
				close();
			}
			const row = event.target.closest?.(".vf-d-row");
			const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
			if (!row || !step) return;
			event.preventDefault();
			const rows = [...panel().querySelectorAll(".vf-d-row")];
			rows[rows.indexOf(row) + step]?.focus();
		},
		true,
	);
})();
