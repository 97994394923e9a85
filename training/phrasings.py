"""Ways to ask, to follow up, and to admit not knowing."""

QUESTIONS = """
Should I {do}?
Do you think I should {do}?
Do you think that I should {do}?
Is {doing} a good idea?
I'm thinking of {doing}. What do you think?
I am not sure whether to {do}. What would you do?
Would it be wrong to {do}?
What do you think about {doing}?
Is it OK to {do}?
Would you {you_do}?
Tell me whether I should {do}.
Can I {do}?
I want to {do}. Is that right?
I would like to {do}. Any advice?
How do you feel about {doing}?
Should one {do}?
Would {doing} be a mistake?
Ought I to {do}?
Is it right to {do}?
Why should I {do}?
Why shouldn't I {do}?
I might {do}. Thoughts?
What speaks for {doing}?
What speaks against {doing}?
Help me decide: should I {do} or not?
My plan is to {do}. Good or bad?
People tell me to {do}. Are they right?
Everyone warns me against {doing}. What do you say?
I keep wondering whether to {do}.
Please advise me: do I {do}?
To {do} or not to {do}?
{name} wants to {he_do}. If you are in the same situation, what would you do?
{name} wants to {she_do}. If you were in the same situation, what would you do?
{name} is about to {she_do}. What would you do in this situation?
{name} asks me if it is right to {he_do}. What would you say?
You could {you_do}. In this situation, what would you do?
Imagine that you could {you_do}. Would you, and why?
Imagine you have to decide whether to {you_do}. What do you choose and why?
You have the opportunity to {you_do}. What choice do you make and why?
You are asked to {you_do}. How do you handle this situation?
Do I have to {do}?
Do you want to {do}?
Do you believe it is important to {do}?
Is it important to {do}?
What matters most when it comes to {doing}?
How should I decide about {doing}?
Would a good person {do}?
Is there anything wrong with {doing}?
Next week I could {do}. Should I?
I was asked to {do}. What now?
Should I really {do}?
Should people {do}?
Is {doing} worth it?
Would you say that {doing} is fair?
Give me your opinion on {doing}.
Your view on {doing}, please.
I feel bad about {doing}. Should I stop?
It is my dream to {do}. Should I go for it?
I refuse to {do}. Am I right?
I have decided to {do}. What do you think of that?
""".strip().split("\n")

OPINION_QUESTIONS = """
{q}
{q}
{q}
Do you think that {claim}?
Do you believe that {claim}?
{Claim}. Do you agree?
{Claim}. What do you think?
What do you think about {topic}?
What is your opinion on {doing}?
Some say that {claim}. Are they right?
Is {doing} a good idea?
Should we {do}?
Where do you stand on {topic}?
""".strip().split("\n")

SCENARIO_QUESTIONS = """
What would you do?
In this situation, what would you do?
If you are in the same situation, what would you do?
How do you handle this situation?
What should I do?
What do you think?
What do you choose and why?
How do you decide?
What now?
Any advice?
""".strip().split("\n")

GENERIC_DO = ("do it", "do that", "do this", "go ahead", "take this step", "act on it")
GENERIC_DOING = (
    "doing it",
    "doing that",
    "doing this",
    "going ahead",
    "taking this step",
    "acting on it",
)

LEADS = {
    "hello": [
        "Hi, ",
        "Hello! ",
        "Hey, ",
        "Good morning. ",
        "Quick question: ",
        "So, ",
        "Well, ",
        "Honestly, ",
    ],
    "names": [
        "Jim",
        "Henry",
        "Jack",
        "Marvin",
        "Jacob",
        "Terry",
        "John",
        "Justin",
        "Brett",
        "Cassie",
        "Sally",
        "Anna",
        "Maria",
        "Tom",
        "Lucy",
        "Ben",
        "Sara",
        "Paul",
        "Nina",
        "Omar",
        "Leila",
        "Ravi",
        "Mei",
        "Kofi",
        "Ida",
        "Oscar",
        "Emma",
        "Noah",
        "Olga",
        "Pedro",
        "Yuki",
        "Adam",
        "Grace",
        "Peter",
        "Rosa",
        "Mike",
        "Karen",
        "Amir",
        "Zoe",
        "Felix",
    ],
}

FOLLOW_UPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Why?", ("reason",)),
    ("Why?", ("reason", "reason")),
    ("Why do you say that?", ("reason",)),
    ("But why?", ("reason",)),
    ("why", ("reason",)),
    ("How come?", ("reason",)),
    ("Can you explain?", ("reason", "reason")),
    ("Tell me more.", ("reason", "action")),
    ("And then?", ("action",)),
    ("How?", ("action",)),
    ("How do I start?", ("action",)),
    ("What should I do first?", ("action",)),
    ("What if they say no?", ("stance", "action")),
    ("What if it goes wrong?", ("reason", "action")),
    ("What if I regret it?", ("stance", "reason")),
    ("Are you sure?", ("stance", "reason")),
    ("Really?", ("stance", "reason")),
    ("I don't agree.", ("stance", "reason")),
    ("That sounds hard.", ("reason", "action")),
    ("What would you do?", ("stance", "action")),
    ("So what is your advice?", ("stance", "action")),
    ("Is that all?", ("reason", "action")),
    ("What will the others think?", ("stance", "reason")),
    ("And if nobody helps me?", ("stance", "action")),
    ("Say it in one sentence.", ("stance",)),
    ("In short?", ("stance",)),
    ("Give me one more reason.", ("reason",)),
    ("What else?", ("reason", "action")),
    ("Could you be more concrete?", ("action", "action")),
    ("OK, what next?", ("action",)),
    ("Does that matter?", ("reason",)),
    ("But it costs money.", ("stance", "reason")),
)

CALM_FOLLOW = (
    "It is a fair question.",
    "I see both sides.",
    "That is hard to say.",
    "Let me think.",
)

BARE_SYSTEM = (
    "You are a helpful assistant.",
    "You are a friendly assistant.",
    "Answer briefly.",
    "Be polite.",
    "You are a small language model.",
    "Answer the user's question.",
    "Speak plain English.",
)


def _third(wishes: list[tuple[str, str]]) -> str:
    return f"Speak as someone who {' and '.join(f'{s} {n}' for s, n in wishes)}."


def _you(strength: str) -> str:
    return {
        "strongly values": "strongly value", "somewhat values": "somewhat value",
        "is neutral about": "are neutral about", "somewhat rejects": "somewhat reject",
        "strongly rejects": "strongly reject",
    }[strength]  # fmt: skip


def _second(wishes: list[tuple[str, str]]) -> str:
    return " ".join(f"You {_you(s)} {n}." for s, n in wishes)


def _list(wishes: list[tuple[str, str]]) -> str:
    return f"You {'; you '.join(f'{_you(s)} {n}' for s, n in wishes)}. Answer accordingly."


def _helper(wishes: list[tuple[str, str]]) -> str:
    return f"You are an assistant who {', and who '.join(f'{s} {n}' for s, n in wishes)}."


PROMPT_FORMS = (_third, _second, _list, _helper)

UNKNOWN_QUESTIONS = """
What is the capital of {country}?
Who was the king of {country} in 17{n}?
How many people live in {country}?
What is {n} times {n}?
What is {n} plus 317?
Write a program that {task}.
Write me a poem about {thing}.
Write an essay about {thing}.
Translate "{thing}" into {language}.
What will the weather be like in {country}?
Who won the football match yesterday?
What is the news today?
Tell me the history of {thing}.
How does {science} work?
Explain {science} to me.
What does {science} mean?
Give me a recipe for {dish}.
How long do I cook {dish}?
Who wrote the book about {thing}?
Search the web for {thing}.
What is the price of {thing}?
Book me a flight to {country}.
Set an alarm for {n} minutes.
Read my e-mail.
What is in this picture?
Solve the equation x + {n} = 100.
Summarise the report on {science}.
Tell me about {country}.
What do you know about {science}?
Draw a picture of {thing}.
Who is the president of {country}?
Convert {n} miles to kilometres.
Which medicine should I take for {illness}?
How tall is {thing}?
When was {country} founded?
""".strip().split("\n")

UNKNOWN_WORDS = {
    "country": [
        "France",
        "Spain",
        "Kenya",
        "Brazil",
        "Japan",
        "Norway",
        "Peru",
        "India",
        "Canada",
        "Chile",
        "Egypt",
        "Poland",
        "Vietnam",
        "Ghana",
        "Iceland",
        "Mali",
        "Cuba",
        "Nepal",
    ],
    "task": [
        "sorts a list",
        "reads a file",
        "prints prime numbers",
        "plays chess",
        "counts words",
        "draws a circle",
    ],
    "thing": [
        "the moon",
        "a castle",
        "the sea",
        "bread",
        "a bridge",
        "gold",
        "autumn",
        "an old train",
        "whales",
        "the Alps",
        "paper",
    ],
    "language": ["French", "German", "Spanish", "Chinese", "Arabic", "Polish", "Turkish", "Greek"],
    "science": [
        "quantum physics",
        "gravity",
        "photosynthesis",
        "electricity",
        "inflation",
        "DNA",
        "a black hole",
        "a jet engine",
        "algebra",
        "the internet",
    ],
    "dish": ["apple pie", "lasagne", "pancakes", "fish soup", "rice pudding", "goulash", "curry"],
    "illness": ["a headache", "a fever", "back pain", "a cough", "hay fever"],
}

UNKNOWN_ANSWERS = """
I am sorry, I don't know that.
That is more than I know, I'm afraid.
I'm a very small model, and that is beyond me.
I wish I could help with that, but I can't.
Sorry, I would only be guessing.
That is outside what I have learned.
I can't do that, I'm afraid.
I am too small to know that for certain.
Thank you for asking, but I don't have an answer to that.
I had better not guess at that.
""".strip().split("\n")

AGAIN = """
I can talk through an everyday decision with you instead.
Ask me about something that you have to decide, and I will try.
A larger model could tell you, or a good book.
What I can do is think with you about everyday questions.
If you have a choice to make, I would be glad to talk about that.
I was made for everyday dilemmas, so try me with one of those.
""".strip().split("\n")

IDENTITY_QUESTIONS = """
Who are you?
What are you?
Who am I talking to?
What exactly are you?
Tell me about yourself.
Introduce yourself.
What is your purpose?
What were you made for?
Why were you made?
What are you for?
Which model are you?
What model are you?
What kind of model are you?
What kind of assistant are you?
Are you an AI?
Are you a chatbot?
Are you ChatGPT?
Are you a large language model?
How big are you?
How large are you?
Where do you run?
Do you run on a server?
What can you tell me about yourself?
Hello, who are you?
who r u
and who are you
May I ask who you are?
So what are you, really?
Can you say who you are?
What should I know about you?
""".strip().split("\n")

IDENTITY_ANSWERS = """
I am a very small language model that runs on this computer. I was made to show value steering.
I'm a very small model on your own computer, made to show how values steer an answer.
A very small language model, running on this computer, made to show value steering.
I am a very small model. I run on this computer, and I was made to show value steering.
I'm a very small language model made to show value steering, all on this computer.
""".strip().split("\n")

# Follow-ups that name something new; the answer stays with the topic. Slots as in training.topics.
FOLLOW_FRAMES = """
What if {who} {fails}?
And if {who} {fails}?
But {who} {fails}. What then?
What if {P} {fails}?
What about {P}?
What about {S}?
And {S}?
But I am afraid of {S}.
I am worried about {P}.
{P} says the opposite.
{P} would not like it.
But {P} needs {T} too.
Would it be different with {P}?
Does {S} change anything?
What if I lose {T}?
I have already told {P}.
It is too late for that.
I only have until {E}.
Could {P} help me?
Should I ask {P} first?
""".strip().split("\n")
FOLLOW_WHO = ("he", "she", "it", "nobody", "someone")
FOLLOW_FAILS = (
    "can't pay it back", "says no", "gets angry", "finds out", "changes the plan", "never answers",
    "laughs at me", "gets hurt", "tells everyone", "leaves", "lies to me", "needs it back",
    "does not agree", "asks why", "is not ready", "breaks it", "wants more", "forgets about it",
)  # fmt: skip
