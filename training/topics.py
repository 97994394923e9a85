"""Everyday dilemmas, composed: "lend {person} {thing}" with pronouns turned for the answer.

The hand-written topics are few enough to be learnt by heart; a model that has seen only those
answers about another topic than the one it was asked about. Composed ones run to millions, so
copying the question is the only way to get them right.
"""

import random
from dataclasses import dataclass

# Verb phrases as (bare, gerund, rest). Slots: P person, T thing, G group, W place, E event,
# S subject to talk about, A an activity as gerund phrase, Q a quality as adjective.
_FRAMES = """
lend|lending|P T
give|giving|P T
sell|selling|P T
show|showing|P T
buy|buying|P T
send|sending|P T
lend|lending|T to P
give|giving|T back to P
leave|leaving|T to P
hide|hiding|T from P
keep|keeping|T for {myself}
keep|keeping|T secret from P
steal|stealing|T from P
borrow|borrowing|T from P
take|taking|T away from P
share|sharing|T with P
return|returning|T to P
throw|throwing|T away
sell|selling|T
repair|repairing|T
donate|donating|T to G
buy|buying|T
burn|burning|T
replace|replacing|T
keep|keeping|T
ask|asking|P for T
ask|asking|P about S
tell|telling|P about S
tell|telling|P the truth about S
lie|lying|to P about S
talk|talking|to P about S
argue|arguing|with P about S
write|writing|to P about S
warn|warning|P about S
remind|reminding|P about S
complain|complaining|to P about S
confront|confronting|P about S
apologise|apologising|to P for S
forgive|forgiving|P for S
thank|thanking|P for S
joke|joking|about S with P
keep|keeping|quiet about S
speak|speaking|up about S at E
invite|inviting|P to E
take|taking|P to E
bring|bringing|P to E
miss|missing|E
go|going|to E with P
go|going|to E
leave|leaving|E early
organise|organising|E for P
cancel|cancelling|E
pay|paying|for E
cook|cooking|for P
help|helping|P with S
help|helping|P to find T
visit|visiting|P in W
visit|visiting|P
move|moving|to W
move|moving|to W with P
travel|travelling|to W
stay|staying|in W with P
work|working|in W
live|living|with P
marry|marrying|P
leave|leaving|P
trust|trusting|P with T
hire|hiring|P
fire|firing|P
promote|promoting|P
report|reporting|P to G
defend|defending|P against G
support|supporting|P
ignore|ignoring|P
obey|obeying|P
follow|following|P to W
avoid|avoiding|P
call|calling|P every day
wake|waking|P
comfort|comforting|P after E
praise|praising|P in front of G
blame|blaming|P for S
let|letting|P use T
let|letting|P stay in W
let|letting|P decide about S
make|making|P pay for T
teach|teaching|P how to repair T
join|joining|G
leave|leaving|G
lead|leading|G
vote|voting|against G
work|working|for G
give|giving|money to G
volunteer|volunteering|for G
criticise|criticising|G
spend|spending|{my} savings on T
spend|spending|a year in W
spend|spending|the weekend A
spend|spending|more time A
stop|stopping|A
start|starting|A
give|giving|up A
try|trying|A
get|getting|better at A
quit|quitting|{my} job for A
teach|teaching|A to P
compete|competing|with P at A
promise|promising|P T
promise|promising|to help P with S
break|breaking|a promise to P about S
post|posting|about S online
read|reading|a book about S
study|studying|S in W
learn|learning|more about S
be|being|Q with P
be|being|more Q
be|being|Q about S
stay|staying|Q at E
feel|feeling|Q about S
become|becoming|more Q
accept|accepting|T from P
refuse|refusing|T from P
accept|accepting|help from P
choose|choosing|T for P
wait|waiting|for P at E
sit|sitting|next to P at E
check|checking|T for P
clean|cleaning|T for P
paint|painting|T
lose|losing|T on purpose
count|counting|on P for T
admit|admitting|a mistake to P
follow|following|the rules at E
break|breaking|the rules at E
wear|wearing|T to E
dance|dancing|at E
sing|singing|at E with P
sleep|sleeping|during E
laugh|laughing|about S
cry|crying|in front of P
run|running|for office in W
protest|protesting|against G
sign|signing|a petition about S
adopt|adopting|T
feed|feeding|T
plant|planting|T in W
"""
_PERSONS = """\
{my} brother;{my} sister;{my} mother;{my} father;{my} uncle;{my} aunt;{my} cousin;{my} nephew
{my} niece;{my} grandmother;{my} grandfather;{my} son;{my} daughter;{my} best friend
an old friend;{my} neighbour;{my} landlord;{my} boss;{my} manager;{my} colleague;a new colleague
{my} teacher;{my} student;{my} coach;{my} team mate;{my} flatmate;{my} partner;{my} wife
{my} husband;{my} girlfriend;{my} boyfriend;{my} ex;{my} doctor;a stranger;a tourist;a child
the waiter;the baker;the nurse;the driver;{my} stepfather;{my} stepmother;{my} twin
{my} mother-in-law;{my} godfather;a man at the station;a woman on the bus;the new girl at school
the boy next door;the old man upstairs;{my} hairdresser;a former classmate;a rich customer
a poor family;a homeless man;the cleaner;{my} lawyer;the mayor;the head teacher;a beginner
{my} rival;{my} business partner;an angry customer;the person who cheated {me}
someone {I} met online"""
_THINGS = """\
money;{my} car;{my} bicycle;{my} laptop;{my} old phone;{my} camera;{my} guitar;the piano
the house;the flat;the garden;a dog;a cat;two rabbits;a horse;a ring;a necklace
the family silver;a painting;a carpet;a coat;a warm jacket;{my} boots;a red dress;a suit;a watch
a clock;{my} diary;a letter;the photos;a book;the recipe;a cake;the last piece of bread
some soup;a bottle of wine;the tickets;a map;a tent;a boat;a motorbike;a caravan;the keys
{my} password;a spare room;the sofa;a lamp;the old table;six chairs;a mirror;a wheelbarrow
the ladder;a drill;a tree;some roses;tomato plants;the inheritance;a loan;a thousand pounds
ten euros;half of {my} wages;a gift;a prize;the medal;a secret;a compliment;the wallet {I} found
the exam answers;the notes;{my} homework;the report;the contract;a good reference
a second chance;the best seat;the window seat;a lottery ticket;shares in a bank;a vintage radio
a bread machine;{my} collection of stamps"""
_GROUPS = """\
the police;the school;the church;the town council;a charity;the food bank;the animal shelter
the union;the company;the government;the army;the choir;the football club;the chess club
{my} team;the neighbours;the press;the tax office;the hospital;the fire brigade
a political party;the village;the parents' committee;the book club;a start-up;{my} family
the whole class;the board;the shareholders;the refugees;the strikers;the owners;the majority
the tenants;the elders"""
_PLACES = """\
Spain;Norway;Japan;Kenya;Brazil;London;Berlin;a village;the city;the mountains;the countryside
the desert;an island;a monastery;a hotel;{my} flat;{my} parents' house;the spare room;the garage
the library;the hospital;a care home;a farm;a factory;the park;the forest;the old quarter
a small town by the sea;another country;the north;the capital;Lisbon;the basement;a shared house
a caravan park;the office;an empty shop;the school yard;the market square"""
_EVENTS = """\
the wedding;the funeral;{my} birthday party;the Christmas dinner;the school play;the concert
the meeting;the interview;the exam;the football match;the parade;the auction;the trial
the strike;the reunion;a family holiday;the office party;the marathon;the ceremony;the festival
the baptism;the rehearsal;the picnic;a date;the debate;the training;the election
a farewell lunch;the opening night;the Sunday service;the tournament;the class trip
the housewarming;the parents' evening"""
_SUBJECTS = """\
the accident;the debt;the noise;the broken window;the divorce;the will;the mistake;the affair
the diagnosis;the rumour;the missing money;the exam results;the pregnancy
the plans for the summer;the new rules;the fence;the smell;the rent;politics;religion;death
taxes;climate change;history;music;the war;the vaccine;{my} salary;{my} weight;{my} past
{my} doubts;{my} dreams;{my} illness;her drinking;his gambling;the insult;the unfair grade
the dirty kitchen;the job offer;the lost dog;the late train;the wrong bill;an old quarrel
the family business;the move;the stolen bike;chemistry;law"""
_ACTIVITIES = """\
drinking;smoking;gambling;running;swimming;climbing;painting;cooking;baking;gardening;fishing
hunting;reading novels;playing chess;playing video games;watching television;learning Spanish
practising the violin;meditating;working late;eating meat;buying clothes;flying;driving fast
sleeping late;knitting;dancing;boxing;writing poems;helping at the shelter;studying medicine
building a boat;repairing bicycles;praying;singing in the choir;staring at {my} phone;sailing
camping"""
_QUALITIES = """\
honest;strict;generous;patient;careful;bold;silent;polite;rude;jealous;proud;modest;curious;lazy
brave;kind;loyal;stubborn;serious;cheerful;critical;grateful;independent;obedient;competitive
ambitious;calm;gentle;ashamed;angry;faithful;thrifty;tidy;spontaneous;cautious;open-minded;cold
friendly;sceptical;hopeful;guilty;hard-working;forgiving;playful"""
_TAILS = """\
today;tonight;tomorrow;this weekend;next month;before the summer;after Christmas;for a year
every Sunday;without asking;without telling anyone;in secret;on {my} own;for the last time
once more;instead of resting;if it rains;to save time;to save money;to please {my} parents
to feel better;because everyone does it;even though {I} promised not to;at once
while {I} still can;at {my} age;just for fun;to prove a point;to keep the peace
against the advice of {my} doctor;before it is too late;in front of everyone;for free
for a friend;as a surprise;by myself;with no plan at all"""

_SLOTS = {
    "P": _PERSONS, "T": _THINGS, "G": _GROUPS, "W": _PLACES, "E": _EVENTS,
    "S": _SUBJECTS, "A": _ACTIVITIES, "Q": _QUALITIES,
}  # fmt: skip
_FILLERS = {k: [x for line in v.split("\n") for x in line.split(";")] for k, v in _SLOTS.items()}
_TAIL_LIST = [
    t.replace("by myself", "by {myself}") for line in _TAILS.split("\n") for t in line.split(";")
]
_FRAME_LIST = [tuple(line.split("|")) for line in _FRAMES.strip().split("\n")]

_FIRST = {"my": "my", "me": "me", "I": "I", "myself": "myself"}
_SECOND = {"my": "your", "me": "you", "I": "you", "myself": "yourself"}
_HE = {"my": "his", "me": "him", "I": "he", "myself": "himself"}
_SHE = {"my": "her", "me": "her", "I": "she", "myself": "herself"}


@dataclass(frozen=True)
class Topic:
    """One thing to decide, in the forms that questions and answers need."""

    do: str
    doing: str
    you_do: str
    you_doing: str
    he_do: str = ""
    she_do: str = ""
    setting: str = ""


def compose_topic(rng: random.Random) -> Topic:
    """A random topic: a frame, its slots filled, often with a tail ("before the summer")."""
    bare, gerund, rest = rng.choice(_FRAME_LIST)
    words = [rng.choice(_FILLERS[w]) if w in _FILLERS else w for w in rest.split(" ")]
    if rng.random() < 0.3:
        words.append(rng.choice(_TAIL_LIST))
    body = " ".join(words)

    def form(verb: str, pronouns: dict[str, str]) -> str:
        return f"{verb} {body.format(**pronouns)}"

    return Topic(
        do=form(bare, _FIRST), doing=form(gerund, _FIRST),
        you_do=form(bare, _SECOND), you_doing=form(gerund, _SECOND),
        he_do=form(bare, _HE), she_do=form(bare, _SHE),
        setting=compose_setting(rng),
    )  # fmt: skip


_SETTINGS = """
{P} asked me about it {when}.
I have been thinking about this for {n} weeks.
My {rel} says yes, my {rel} says no.
It would cost about {n} pounds.
We have {n} days to decide.
Last {day} everything changed at home.
I found out about it from {P}.
Nobody else knows about it yet.
{P} would be very upset.
I promised {P} that I would think about it.
I have had a hard year, and {P} has been a great help.
There was a long talk about {S} {when}.
It all started with {S}.
I am {n} years old and live in {W}.
We live in {W} and do not have much money.
{P} and I have not spoken since {E}.
After {E} I could not sleep.
They offered me {T} in return.
I saw {P} with {T} {when}.
My {rel} has lost {T}.
The others at {E} all agreed that it was fine.
I work in {W}, and {P} sits next to me.
On {day} there is {E}, and I am nervous.
{P} is ill and needs {T}.
The rules about {S} are clear, but nobody follows them.
I would really like to be more {Q}.
People say that I am too {Q}.
{P} has always been {Q} with me.
"""
_SETTING_LIST = _SETTINGS.strip().split("\n")
_WHEN = [
    "yesterday",
    "last night",
    "this morning",
    "on Monday",
    "two weeks ago",
    "last summer",
    "at lunch",
]
_RELS = [
    "brother",
    "sister",
    "mother",
    "father",
    "wife",
    "husband",
    "friend",
    "boss",
    "doctor",
    "aunt",
]
_DAYS = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "winter",
    "spring",
]


def fill(text: str, rng: random.Random, **more: str) -> str:
    """``text`` with its slots filled, from the asker's own side ("my brother")."""
    words = {k: rng.choice(v).format(**_FIRST) for k, v in _FILLERS.items()}
    return text.format(**words, **more)


def compose_setting(rng: random.Random) -> str:
    """One or two sentences of circumstance, so that the topic is not all there is to read."""
    out = []
    for _ in range(rng.choice((1, 1, 2))):
        text = rng.choice(_SETTING_LIST)
        text = text.replace("{rel}", rng.choice(_RELS), 1).replace("{rel}", rng.choice(_RELS))
        when, day = rng.choice(_WHEN), rng.choice(_DAYS)
        text = fill(text, rng, when=when, n=str(rng.randint(2, 90)), day=day)
        out.append(text[0].upper() + text[1:])
    return " ".join(out)
