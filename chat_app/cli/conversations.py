"""``valueflow conversations``: list, find and put in order what is stored."""

from typing import TYPE_CHECKING, Annotated

import typer

from chat_app.cli.console import note, print_json, print_table
from chat_app.cli.profiles import database
from chat_app.cli.transcripts import import_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chat_app.db.search import Marked

app = typer.Typer(
    help="List, find and put in order the stored conversations. Without a command it lists them."
)

Ids = Annotated[list[str], typer.Argument(help="Ids, from `valueflow conversations`.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON list.")]


@app.callback(invoke_without_command=True)
def start(context: typer.Context, as_json: AsJson = False) -> None:
    if context.invoked_subcommand is None:
        list_stored(as_json=as_json)


@app.command("list")
def list_stored(
    archived: Annotated[
        bool, typer.Option("--archived", help="Only those that are archived.")
    ] = False,
    tag: Annotated[str, typer.Option(help="Only those with this tag.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the stored conversations, the last changed first."""
    from chat_app.chat.conversations import list_conversations

    stored = [
        c
        for c in list_conversations(database())
        if (c.archived or not archived) and (not tag or tag in c.tags)
    ]
    if as_json:
        print_json(
            [
                {
                    "id": c.id,
                    "title": c.title,
                    "created": c.created.isoformat(),
                    "updated": c.updated.isoformat(),
                    "messages": c.messages,
                    "pinned": c.pinned,
                    "archived": c.archived,
                    "tags": list(c.tags),
                }
                for c in stored
            ]
        )
    elif not stored:
        note(
            "No conversation is like that."
            if archived or tag
            else "No conversation is stored yet: `valueflow` starts one."
        )
    else:
        rows = [
            (
                c.id,
                f"{c.updated:%Y-%m-%d %H:%M}",
                str(c.messages),
                c.title,
                _states(c.pinned, c.archived, c.tags),
            )
            for c in stored
        ]
        columns = ("id", "last change", "messages", "title", "")
        print_table(columns, rows, right=("messages",))


@app.command()
def search(
    words: Annotated[list[str], typer.Argument(help="All of them, in a title or in a message.")],
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many to show.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Find conversations by words in their titles and messages; beginnings of words are enough."""
    from chat_app.chat.browse import Browsing, browse

    listing = browse(database(), Browsing(words=" ".join(words), limit=limit))
    found = [(each, _plain(each.hit.text) if each.hit else "") for each in listing.found]
    if as_json:
        print_json(
            [
                {
                    "id": each.id,
                    "title": each.title,
                    "updated": each.updated.isoformat(),
                    "archived": each.archived,
                    "text": text,
                }
                for each, text in found
            ]
        )
    elif not found:
        note("Nothing found.")
    else:
        rows = [(e.id, f"{e.updated:%Y-%m-%d %H:%M}", e.title, text) for e, text in found]
        print_table(("id", "last change", "title", "where"), rows)
        if listing.more:
            note(f"There are more: --limit {2 * limit} shows them.")


@app.command()
def rename(
    id: Annotated[str, typer.Argument(help="An id, from `valueflow conversations`.")],
    title: Annotated[str, typer.Argument(help="The new title.")],
) -> None:
    """Give a conversation another title."""
    from chat_app.chat.conversations import rename_conversation

    rename_conversation(database(), id, title)


@app.command()
def pin(
    ids: Ids, off: Annotated[bool, typer.Option("--off", help="Pinned no more.")] = False
) -> None:
    """Keep conversations at the top of the list."""
    from chat_app.chat import shelf

    shelf.pin(database(), ids, on=not off)


@app.command()
def tag(
    ids: Ids,
    add: Annotated[list[str] | None, typer.Option(help="A tag to put on; repeatable.")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="A tag to take off; repeatable.")] = None,
) -> None:
    """Put tags on conversations or take them off, and print those that they have."""
    from chat_app.chat import shelf

    stored = database()
    for id in ids:
        print(f"{id}: {', '.join(shelf.tag(stored, id, add or (), remove or ())) or 'no tags'}")


@app.command()
def archive(
    ids: Ids, off: Annotated[bool, typer.Option("--off", help="Back into the list.")] = False
) -> None:
    """Take conversations out of the page's list without losing them."""
    from chat_app.chat import shelf

    shelf.archive(database(), ids, on=not off)


@app.command()
def delete(ids: Ids) -> None:
    """Delete conversations. For seven days `restore` brings them back."""
    from chat_app.chat import shelf

    shelf.delete(database(), ids)
    note(f"Deleted. Take it back with: valueflow conversations restore {' '.join(ids)}")


@app.command()
def restore(ids: Ids) -> None:
    """Bring deleted conversations back."""
    from chat_app.chat import shelf

    shelf.restore(database(), ids)


app.command("import")(import_file)


def _states(pinned: bool, archived: bool, tags: "Iterable[str]") -> str:
    words = [word for word, is_so in (("pinned", pinned), ("archived", archived)) if is_so]
    return " ".join([*words, *(f"#{tag}" for tag in tags)])


def _plain(text: "Marked | None") -> str:
    return "".join(piece for piece, _ in text or ())
