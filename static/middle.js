// The middle of the page: the buttons under messages, keys in the message box, looking again.
(() => {
	let last = { act: "", message: "" };
	let button = null;
	const box = () => document.querySelector("#vf-box textarea");
	const busy = () => document.querySelector("#vf-box .stop-button");

	async function copy(text) {
		try {
			await navigator.clipboard.writeText(text);
		} catch {
			// Without https, on another computer's browser: the old way.
			const area = document.createElement("textarea");
			area.value = text;
			area.style.position = "fixed";
			area.style.opacity = "0";
			document.body.append(area);
			area.select();
			document.execCommand("copy");
			area.remove();
		}
	}

	window.vfMiddle = {
		pressed: () => JSON.stringify(last),
		focus: () => {
			const area = box();
			if (!area || innerWidth <= 768) return;
			area.focus();
			area.setSelectionRange(area.value.length, area.value.length);
		},
		// What is said now is seen, wherever one has read; at the end, Gradio stays there by itself.
		toEnd,
		// A conversation that was opened shows its end, while its messages are laid out too.
		opened: () => setTimeout(whileLaidOut(toEnd), 600),
		// After an act: what was copied, or the words that are to be edited.
		done: (text) => {
			if (last.act === "copy") {
				copy(text || "");
				button?.classList.add("vf-copied");
				const copied = button;
				setTimeout(() => copied?.classList.remove("vf-copied"), 1600);
			} else if (["edit", "undo", "cancel"].includes(last.act)) {
				setTimeout(window.vfMiddle.focus, 60);
			} else if (last.act === "earlier") grown();
		},
	};

	function act(pressed) {
		const name = pressed.dataset.act;
		if (!name || name === "about" || pressed.disabled) return;
		button = pressed;
		if (name === "earlier") keepPlace();
		last = {
			act: name,
			message: pressed.closest("[data-message]")?.dataset.message || "",
		};
		document.getElementById("vf-act")?.click();
	}

	const chatArea = () => document.querySelector("#vf-chat .bubble-wrap");

	function toEnd() {
		const area = chatArea();
		if (area) area.scrollTop = area.scrollHeight;
	}

	// Calls `settle` before each picture in which something in the chat has changed or Gradio has
	// scrolled it, the next one first, until the person does something (once it is `begun`) or what
	// is returned is called.
	function whileLaidOut(settle, begun = () => true) {
		const area = chatArea();
		if (!area) return () => {};
		let next = 0;
		const soon = () => {
			next ||= requestAnimationFrame(() => {
				next = 0;
				settle();
			});
		};
		const laid = new MutationObserver(soon);
		const inputs = ["wheel", "touchmove", "keydown", "pointerdown"];
		const leave = () => {
			laid.disconnect();
			cancelAnimationFrame(next);
			area.removeEventListener("scroll", soon);
			for (const input of inputs) removeEventListener(input, moved, true);
		};
		const moved = () => begun() && leave();
		laid.observe(area, { childList: true, subtree: true });
		area.addEventListener("scroll", soon);
		for (const input of inputs) addEventListener(input, moved, { capture: true, passive: true });
		soon();
		return leave;
	}

	let grown = () => {};

	// Messages that come in above leave those that are being read where they are, whatever Gradio
	// scrolls to while it lays them out.
	function keepPlace() {
		const area = chatArea();
		const place = (each) => each.getBoundingClientRect().top - area.getBoundingClientRect().top;
		const messages = () => [...area.querySelectorAll(".vf-acts[data-message]")];
		const before = messages();
		const read = before.find((each) => place(each) > 0);
		if (!read) return;
		const [id, at] = [read.dataset.message, place(read)];
		const come = () => messages().length > before.length;
		const settle = () => {
			const same = messages().find((each) => each.dataset.message === id);
			if (same && come()) area.scrollTop += place(same) - at;
		};
		const leave = whileLaidOut(settle, come);
		grown = () => setTimeout(leave, 600);
	}

	addEventListener("click", (event) => {
		const pressed = event.target.closest?.(".vf-act[data-act]");
		if (pressed) act(pressed);
	});

	addEventListener("keydown", (event) => {
		if (event.isComposing || document.querySelector(".vf-details-open")) return;
		if (event.key === "Escape" && !busy()) {
			const cancel = document.querySelector('.vf-editing [data-act="cancel"]');
			if (cancel) act(cancel);
		}
		const plain = !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey;
		if (event.key === "ArrowUp" && plain && event.target === box() && !box().value && !busy()) {
			const edits = document.querySelectorAll('#vf-chat .user-row [data-act="edit"]');
			if (!edits.length) return;
			event.preventDefault();
			act(edits[edits.length - 1]);
		}
	});

	// A reply that has come to a stand here may have gone on without us: its stream may be lost.
	let shown = "";
	setInterval(() => {
		const now = busy() ? document.getElementById("vf-chat").textContent : "";
		if (now && now === shown) document.getElementById("vf-lost")?.click();
		shown = now;
	}, 5000);

	// What another tab has written meanwhile shows when one comes back to this one.
	const look = () => {
		if (document.visibilityState === "visible") document.getElementById("vf-look")?.click();
	};
	document.addEventListener("visibilitychange", look);
	addEventListener("focus", look);
})();
