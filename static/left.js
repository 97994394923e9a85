// The list of conversations: open, select, rename in place, menus and keys. What is stored comes
// from the server as HTML; what is done goes back as a command by a hidden button.
(() => {
	const LIST = "#vf-conversations";
	const $ = (selector, inside = document) => inside.querySelector(selector);
	const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
	const row = (id) => all(`${LIST} .vf-row`).find((each) => each.dataset.id === id);
	const press = (id) => document.getElementById(id)?.click();

	let open = ""; // the conversation that is shown
	let wanted = ""; // the one that was clicked
	const commands = []; // what waits to be fetched by the hidden button's handler
	let selecting = false;
	let anchor = null; // where a Shift+click goes on from
	const picked = new Set();
	let focus = null; // {id, at}: the row that the keyboard is at
	let editing = null; // {id, kind, value}

	function act(command) {
		commands.push(JSON.stringify(command));
		press("vf-list-act");
	}

	function made(tag, fields, ...children) {
		const element = Object.assign(document.createElement(tag), fields);
		element.append(...children);
		return element;
	}

	// After each drawing: the open one, the selection, the focus and an editor are put back.
	function settle() {
		const rows = all(`${LIST} .vf-row`);
		for (const each of rows) {
			const link = $(".vf-link", each);
			if (each.dataset.id === open) link.setAttribute("aria-current", "page");
			else link.removeAttribute("aria-current");
			$(".vf-pick", each).checked = picked.has(each.dataset.id);
		}
		rove();
		count();
		if (editing) edit(editing.id, editing.kind, editing.value);
		else if (focus && document.activeElement === document.body && rows.length) {
			const at = row(focus.id) || rows[Math.min(focus.at, rows.length - 1)];
			$(".vf-link", at).focus();
		}
	}

	// One row is a stop of the Tab key; the arrows go from row to row.
	function rove() {
		const rows = all(`${LIST} .vf-row`);
		const at = row(focus?.id) || row(open) || rows[0];
		for (const each of rows)
			for (const part of all(".vf-link, .vf-more, .vf-pick", each))
				part.tabIndex = each === at ? 0 : -1;
	}

	function count() {
		const panel = $("#vf-left");
		if (!panel) return;
		panel.classList.toggle("vf-selecting", selecting);
		const number = $(".vf-number");
		const words = `${picked.size} selected`;
		if (number && number.textContent !== words) number.textContent = words;
		for (const button of all(".vf-picked [data-do]:is([data-do=export], [data-do=archive], [data-do=delete])"))
			button.disabled = !picked.size;
		const away = $(`${LIST} .vf-list`)?.dataset.shelf === "archive";
		const archive = $(".vf-picked [data-do=archive]");
		if (archive) archive.textContent = away ? "Unarchive" : "Archive";
	}

	function select(on) {
		selecting = on;
		anchor = null;
		picked.clear();
		settle();
	}

	function pick(id, on, through = false) {
		const rows = all(`${LIST} .vf-row`).map((each) => each.dataset.id);
		const [from, to] = [rows.indexOf(through ? (anchor ?? id) : id), rows.indexOf(id)];
		for (const each of rows.slice(Math.min(from, to), Math.max(from, to) + 1))
			on ? picked.add(each) : picked.delete(each);
		anchor = id;
		selecting = true;
		settle();
	}

	// The menu and the question before deleting are one small box beside what they are about.
	function box(beside, content, role, label) {
		shut();
		const there = made("div", { id: "vf-menu", role }, ...content);
		there.setAttribute("aria-label", label);
		document.body.append(there);
		const at = beside.getBoundingClientRect();
		const { width, height } = there.getBoundingClientRect();
		const below = at.bottom + 4 + height < innerHeight;
		there.style.top = `${below ? at.bottom + 4 : Math.max(8, at.top - height - 4)}px`;
		there.style.left = `${Math.max(8, Math.min(at.right - width, innerWidth - width - 8))}px`;
		there.back = beside;
		$("button", there)?.focus();
	}

	function shut(back = false) {
		const there = $("#vf-menu");
		if (!there) return;
		there.remove();
		if (back && there.back.isConnected) there.back.focus();
	}

	function menu(beside, items, label) {
		const buttons = items.map(([words, key, run, kind]) => {
			const button = made("button", { type: "button", className: kind || "" }, words);
			button.setAttribute("role", "menuitem");
			button.tabIndex = -1;
			if (key) button.append(made("kbd", {}, key));
			button.addEventListener("click", () => {
				shut(true);
				run();
			});
			return button;
		});
		box(beside, buttons, "menu", label);
	}

	function row_menu(each, beside) {
		const { id, title } = each.dataset;
		const is = each.dataset.is.split(" ");
		const [pinned, archived] = [is.includes("pinned"), is.includes("archived")];
		menu(
			beside,
			[
				["Rename", "F2", () => edit(id, "title")],
				[pinned ? "Unpin" : "Pin", "", () => act({ do: "pin", ids: [id], on: !pinned })],
				["Tags", "", () => edit(id, "tags")],
				["Select", "", () => pick(id, true)],
				["Export", "", () => act({ do: "export", ids: [id] })],
				[
					archived ? "Unarchive" : "Archive",
					"",
					() => act({ do: "archive", ids: [id], on: !archived }),
				],
				["Delete", "Del", () => act({ do: "delete", ids: [id] }), "vf-danger"],
			],
			`What to do with “${title}”`,
		);
	}

	function list_menu(beside) {
		const list = $(`${LIST} .vf-list`);
		const away = list?.dataset.shelf === "archive";
		menu(
			beside,
			[
				["Select several", "", () => select(true)],
				["Import conversations", "", choose],
				[
					away ? "All conversations" : `Archived (${list?.dataset.archived || 0})`,
					"",
					() => act({ do: "shelf" }),
				],
			],
			"All conversations",
		);
	}

	// The Delete key is pressed by mistake sooner than a menu is read, so it asks.
	function ask(ids, beside) {
		const words =
			ids.length === 1
				? `Delete “${row(ids[0])?.dataset.title || "New conversation"}”?`
				: `Delete ${ids.length} conversations?`;
		const yes = made("button", { type: "button", className: "vf-yes" }, "Delete");
		const no = made("button", { type: "button" }, "Keep");
		yes.addEventListener("click", () => {
			shut(true);
			act({ do: "delete", ids });
			if (selecting) select(false);
		});
		no.addEventListener("click", () => shut(true));
		const buttons = made("div", { className: "vf-answers" }, yes, no);
		box(beside, [made("p", {}, words), buttons], "alertdialog", words);
	}

	// A field in the place of the title. Enter and going elsewhere keep what it says, Esc does not.
	function edit(id, kind, value = null) {
		const each = row(id);
		if (!each) {
			editing = null;
			return;
		}
		$(".vf-editor", each)?.remove();
		const before = each.dataset[kind];
		const field = made("input", {
			className: "vf-editor",
			type: "text",
			value: value ?? before,
			maxLength: kind === "title" ? 200 : 400,
			placeholder: kind === "title" ? "" : "family, money",
		});
		field.setAttribute(
			"aria-label",
			kind === "title" ? `New title for “${before}”` : "Tags, with commas between them",
		);
		editing = { id, kind, value: field.value };
		each.classList.add("vf-renaming");
		$(".vf-link", each).before(field);
		field.focus();
		if (value === null) field.select();
		const end = (keep) => {
			if (!editing || !field.isConnected) return;
			editing = null;
			each.classList.remove("vf-renaming");
			const said = field.value;
			const back = document.activeElement === field;
			field.remove();
			if (back) $(".vf-link", each).focus();
			if (!keep || said.trim() === before) return;
			if (kind === "tags") act({ do: "tag", ids: [id], tags: said });
			else if (said.trim()) {
				$(".vf-topic", each).textContent = said.trim();
				act({ do: "rename", ids: [id], title: said });
			}
		};
		field.addEventListener("input", () => {
			editing.value = field.value;
		});
		field.addEventListener("keydown", (event) => {
			event.stopPropagation();
			if (event.key === "Enter" && !event.isComposing) end(true);
			else if (event.key === "Escape") end(false);
		});
		// A drawing takes the field away while it has the focus: that is no going elsewhere.
		field.addEventListener("blur", () => setTimeout(() => end(true)));
	}

	// Read here, in the browser: no copy of a conversation is left in a temporary folder.
	function choose() {
		const field = made("input", { type: "file", accept: ".json,.jsonl,.zip", multiple: true });
		field.addEventListener("change", async () => {
			for (const file of field.files)
				act({ do: "import", name: file.name, ...(await content(file)) });
		});
		field.click();
	}

	// What a command can carry; the command line takes more.
	async function content(file) {
		if (file.size > 100e6) return { large: true };
		if (!/\.zip$/i.test(file.name)) return { text: await file.text() };
		const reader = new FileReader();
		const read = new Promise((done) => reader.addEventListener("loadend", done));
		reader.readAsDataURL(file);
		await read;
		return { packed: String(reader.result).split(",")[1] ?? "" };
	}

	function go(id) {
		wanted = id;
		mark(id);
		press("vf-list-open");
		window.valueflow.close("left");
	}

	function mark(id) {
		open = id || "";
		settle();
	}

	const buttons = {
		filter: (button) => act({ do: "filter", tag: button.dataset.tag }),
		shelf: () => act({ do: "shelf" }),
		more: () => act({ do: "more" }),
		undo: () => act({ do: "undo" }),
		hush: () => act({ do: "hush" }),
		done: () => select(false),
		all: () => {
			for (const each of all(`${LIST} .vf-row`)) picked.add(each.dataset.id);
			settle();
		},
		export: () => act({ do: "export", ids: [...picked] }),
		archive: () => {
			const away = $(`${LIST} .vf-list`).dataset.shelf === "archive";
			act({ do: "archive", ids: [...picked], on: !away });
			select(false);
		},
		delete: () => {
			act({ do: "delete", ids: [...picked] });
			select(false);
		},
	};

	addEventListener("click", (event) => {
		const target = event.target;
		if (!target.closest?.("#vf-menu, .vf-more")) shut();
		if (!target.closest?.("#vf-left")) return;
		const each = target.closest(".vf-row");
		if (target.closest(".vf-more")) {
			const button = target.closest(".vf-more");
			if ($("#vf-menu")?.back === button) shut(true);
			else each ? row_menu(each, button) : list_menu(button);
		} else if (target.closest("[data-do]")) {
			const button = target.closest("[data-do]");
			buttons[button.dataset.do]?.(button);
		} else if (target.matches(".vf-pick")) {
			pick(each.dataset.id, target.checked, event.shiftKey);
		} else if (target.closest(".vf-link")) {
			// With Ctrl or ⌘ the browser opens another tab, as with any link.
			if (event.ctrlKey || event.metaKey) return;
			event.preventDefault();
			const { id } = each.dataset;
			if (selecting || event.shiftKey) pick(id, event.shiftKey || !picked.has(id), event.shiftKey);
			else go(id);
		}
	});
	addEventListener("dblclick", (event) => {
		const each = event.target.closest?.(`${LIST} .vf-row`);
		if (each && !selecting && event.target.closest(".vf-link")) edit(each.dataset.id, "title");
	});

	function move(event, items, at) {
		const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
		if (to === undefined) return false;
		event.preventDefault();
		items[Math.max(0, Math.min(to, items.length - 1))]?.focus();
		return true;
	}

	addEventListener("keydown", (event) => {
		if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
			event.preventDefault();
			if (!$("#vf-left.open")) $("#vf-left .toggle-button")?.click();
			$("#vf-list-search input")?.focus();
			return;
		}
		const menu_box = event.target.closest?.("#vf-menu");
		if (menu_box) {
			const items = all("button", menu_box);
			if (event.key === "Escape" || event.key === "Tab") {
				event.preventDefault();
				event.stopPropagation();
				shut(true);
			} else if (menu_box.getAttribute("role") === "menu")
				move(event, items, items.indexOf(event.target));
			return;
		}
		if (event.target.closest?.("#vf-list-search")) {
			const [first] = all(`${LIST} .vf-link`);
			if (event.key === "ArrowDown" && first) {
				event.preventDefault();
				first.focus();
			}
			return;
		}
		const each = event.target.closest?.(`${LIST} .vf-row`);
		if (!each) return;
		const links = all(`${LIST} .vf-link`);
		const link = $(".vf-link", each);
		if (move(event, links, links.indexOf(link))) return;
		const ids = picked.has(each.dataset.id) ? [...picked] : [each.dataset.id];
		if (event.key === "Delete") ask(ids, link);
		else if (event.key === "F2") edit(each.dataset.id, "title");
		else if (event.key === "Escape" && selecting) select(false);
		else if (event.key === "ContextMenu" || (event.shiftKey && event.key === "F10"))
			row_menu(each, $(".vf-more", each));
		else return;
		event.preventDefault();
	});

	addEventListener("focusin", (event) => {
		const each = event.target.closest?.(`${LIST} .vf-row`);
		if (!each) {
			if (!event.target.closest?.("#vf-menu")) focus = null;
			return;
		}
		const rows = all(`${LIST} .vf-row`);
		focus = { id: each.dataset.id, at: rows.indexOf(each) };
		rove();
	});
	addEventListener("pointerdown", (event) => {
		if (!event.target.closest?.(`${LIST}, #vf-menu`)) focus = null;
	});
	addEventListener("resize", () => shut());
	addEventListener("scroll", () => shut(), true);

	let tries = 0; // the other pages have no list
	const wait = setInterval(() => {
		const list = $(LIST);
		if (list || ++tries > 300) clearInterval(wait);
		if (!list) return;
		new MutationObserver((changes) => {
			// What this script does to rows itself is no drawing.
			if (changes.some((c) => [...c.addedNodes].some((n) => n.querySelector?.(".vf-list") || n.matches?.(".vf-list"))))
				settle();
		}).observe(list, { childList: true, subtree: true });
		settle();
	}, 30);

	window.valueflowLeft = { mark, chosen: () => wanted, command: () => commands.shift() || "" };
})();
