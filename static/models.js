// The Models page: which button of which card was pressed, and where the keyboard is afterwards.
(() => {
	let last = { act: "", source: "" };

	window.vfModels = { pressed: () => JSON.stringify(last) };

	addEventListener("click", (event) => {
		const pressed = event.target.closest?.(".vf-m-act[data-act]");
		if (!pressed || pressed.disabled) return;
		last = { act: pressed.dataset.act, source: pressed.dataset.source };
		pressed.disabled = true; // once; the answer brings a new one
		setTimeout(() => (pressed.disabled = false), 4000);
		document.getElementById("vf-m-pressed")?.click();
	});
})();
