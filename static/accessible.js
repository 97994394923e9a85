// What Gradio's own markup leaves unsaid to a screen reader, said as it appears.
(() => {
	const AMENDS = [
		// A list may hold list items only; these are buttons.
		[".examples[role=list]", (group) => group.setAttribute("role", "group")],
		[
			".select-all-checkbox:not([aria-label])",
			(box) => box.setAttribute("aria-label", box.title || "Select all"),
		],
	];
	const amend = () => {
		for (const [which, how] of AMENDS) document.querySelectorAll(which).forEach(how);
	};
	let due = false;
	new MutationObserver(() => {
		if (due) return;
		due = true;
		requestAnimationFrame(() => {
			due = false;
			amend();
		});
	}).observe(document, { childList: true, subtree: true });
})();
