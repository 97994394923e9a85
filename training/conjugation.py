"""English verb phrases in other forms: the first word is the verb, in its base form."""

_DOUBLED = frozenset(
    """
    admit ban beg brag chat commit cut dig fit forget get hit let nag omit permit plan put quit
    regret refer rid rob run set shop shut sin sit skip slap slip spit step stir stop strip
    submit swim tip trap trim whip win wrap drop drag grab hug pat rub sob stab swap transfer
    occur
    """.split()  # noqa: SIM905
)
_IRREGULAR = """
    be:was become:became begin:began bend:bent bet:bet bind:bound bite:bit break:broke
    bring:brought build:built burn:burned buy:bought catch:caught choose:chose come:came cut:cut
    deal:dealt dig:dug do:did draw:drew drink:drank drive:drove eat:ate fall:fell feed:fed
    feel:felt fight:fought find:found flee:fled fly:flew forbid:forbade forget:forgot
    forgive:forgave get:got give:gave go:went grow:grew hang:hung have:had hear:heard hide:hid
    hit:hit hold:held hurt:hurt keep:kept kneel:knelt know:knew lead:led leave:left lend:lent
    let:let light:lit lose:lost make:made mean:meant meet:met overindulge:overindulged
    overwork:overworked pay:paid underpay:underpaid put:put quit:quit read:read ride:rode
    run:ran say:said see:saw seek:sought sell:sold send:sent set:set shut:shut sing:sang sit:sat
    sleep:slept speak:spoke spend:spent spit:spat split:split spread:spread stand:stood
    steal:stole stick:stuck strike:struck swear:swore swim:swam take:took teach:taught tell:told
    think:thought throw:threw undo:undid undergo:underwent understand:understood wake:woke
    wear:wore win:won withdraw:withdrew write:wrote
"""
_PAST = dict(pair.split(":") for pair in _IRREGULAR.split())
_VOWELS = "aeiou"


def gerund(act: str) -> str:
    """gerund("lie to a child") = "lying to a child"."""
    verb, rest = _split(act)
    if verb.endswith("ie"):
        verb = verb[:-2] + "y"
    elif verb.endswith("e") and verb != "be" and verb[-2:] not in ("ee", "oe", "ye"):
        verb = verb[:-1]
    return _doubled(verb) + "ing" + rest


def third(act: str) -> str:
    """third("do no harm") = "does no harm"."""
    verb, rest = _split(act)
    if verb in ("be", "have"):
        return {"be": "is", "have": "has"}[verb] + rest
    if verb.endswith("y") and verb[-2:-1] not in _VOWELS:
        return verb[:-1] + "ies" + rest
    return verb + ("es" if verb.endswith(("s", "sh", "ch", "x", "z", "o")) else "s") + rest


def past(act: str) -> str:
    """past("break a promise") = "broke a promise"."""
    verb, rest = _split(act)
    if verb in _PAST:
        return _PAST[verb] + rest
    if verb.endswith("y") and verb[-2:-1] not in _VOWELS:
        return verb[:-1] + "ied" + rest
    return (verb + "d" if verb.endswith("e") else _doubled(verb) + "ed") + rest


def _split(act: str) -> tuple[str, str]:
    verb, space, rest = act.partition(" ")
    return verb, space + rest


def _doubled(verb: str) -> str:
    return verb + verb[-1] if verb in _DOUBLED else verb
