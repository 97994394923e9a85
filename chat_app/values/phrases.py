"""The 32 steered values in words, as a system prompt or a sentence names them.

Each phrase completes "a person who values ...": lower case, no full stop.
The wording is ours; the values' names are the field's.
"""

PHRASES: dict[str, str] = {
    "svt/benevolence": "the well-being of the people close to one",
    "svt/universalism": "understanding and protecting all people and nature",
    "svt/self-direction": "thinking and choosing for oneself",
    "svt/stimulation": "excitement, novelty and challenge",
    "svt/hedonism": "pleasure and enjoyment",
    "svt/achievement": "success and showing ability",
    "svt/power": "control over people and resources",
    "svt/conformity": "following rules and not upsetting others",
    "svt/tradition": "the customs that were handed down",
    "svt/security": "safety, order and stability",
    "svt/face": "reputation and never being humiliated",
    "svt/humility": "modesty and knowing how small one is",
    "mft/care-harm": "kindness and protecting others from harm",
    "mft/fairness-cheating": "fairness and honest dealing",
    "mft/loyalty-betrayal": "loyalty to one's group",
    "mft/authority-subversion": "respect for authority and rank",
    "mft/sanctity-degradation": "purity and what is sacred",
    "mft/liberty-oppression": "freedom from domination",
    "duty/fidelity": "keeping promises and telling the truth",
    "duty/reparation": "making up for wrongs that were done",
    "duty/gratitude": "giving thanks and returning favours",
    "duty/justice": "giving each person what they deserve",
    "duty/beneficence": "doing good to others",
    "duty/self-improvement": "becoming a better and more able person",
    "duty/non-maleficence": "never causing harm",
    "right/civil_rights": "personal freedoms such as privacy and belief",
    "right/political_rights": "the right to vote, to speak out and to a fair trial",
    "right/economic_rights": "the right to work and to fair wages",
    "right/social_rights": "the right to health care, housing and support",
    "right/cultural_rights": "the right to education and to cultural life",
    "right/national_solidarity_rights": "the right of nations to decide and develop for themselves",
    "right/social_group_solidarity_rights": "peace, a healthy environment and help across borders",
}
