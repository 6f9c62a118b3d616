"""Writes short stories from a grammar, the corpus of the embedded models.

    python scripts/stories/grammar.py [--seed 11] [--count 5]

In: a seed and a number. Out: story number so-and-so of that seed, one paragraph of 100 to 240 words.

Invariants: the same seed and number give the same story on every machine and Python: choices use nothing but
`Random.random` of a text seed. Within a story a name, a pronoun, a colour and a thing stay what they are; the
helper can overcome the obstacle that is told; the last sentence is the moral.
"""

import argparse
import random

import lexicon

SEED = 11


class Chooser:
    """Draws from tables."""

    def __init__(self, seed, index):
        self.random = random.Random(f"stories/{seed}/{index}")

    def pick(self, table):
        table = list(table)
        return table[int(self.random.random() * len(table))]

    def chance(self, probability):
        return self.random.random() < probability


def article(phrase):
    """The phrase with "a" or "an"."""
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def sentence(text):
    """The text with a capital letter and, where it ends without a mark, a full stop."""
    start = next(position for position, letter in enumerate(text) if letter.isalpha())
    text = text[:start] + text[start].upper() + text[start + 1 :]
    return text if text[-1] in '.!?"' else text + "."


class Story:
    """One story's cast and plot, and the sentences made of them."""

    def __init__(self, seed, index):
        self.chooser = Chooser(seed, index)
        pick, chance = self.chooser.pick, self.chooser.chance
        self.hero_is_female = chance(0.5)
        self.hero = pick(lexicon.GIRLS if self.hero_is_female else lexicon.BOYS)
        self.trait = pick(lexicon.HERO_TRAITS)
        if chance(0.5):
            self.kind, self.home, self.habit = pick(lexicon.ANIMALS)
            self.family = pick(lexicon.ANIMAL_FAMILIES)
        else:
            self.kind = "girl" if self.hero_is_female else "boy"
            self.home, self.habit = pick(lexicon.CHILD_HOMES), pick(lexicon.CHILD_HABITS)
            self.family = pick(lexicon.CHILD_FAMILIES)
        self.wish = pick(lexicon.WISHES)
        self.thing = f"{pick(lexicon.COLOURS)} {pick(self.wish.things)}" if self.wish.things else ""
        self.obstacle = pick(lexicon.OBSTACLES.values())
        # A goat is no stranger to a goat.
        self.helper_kind = pick(kind for kind in self.obstacle.solved if kind not in self.kind)
        self.helper_is_female = self.helper_kind != "fisherman" and chance(0.5)
        names = lexicon.GIRLS if self.helper_is_female else lexicon.BOYS
        self.helper = pick(name for name in names if name != self.hero)
        self.helper_trait = pick(lexicon.HELPER_TRAITS)
        self.season = pick(lexicon.SEASONS)

    def fill(self, template):
        """Puts names, pronouns and the thing into a template, and makes a sentence of it."""
        hero = ("she", "her", "her") if self.hero_is_female else ("he", "him", "his")
        helper = ("she", "her", "her") if self.helper_is_female else ("he", "him", "his")
        template = template.replace(" a {thing}", " {a_thing}")
        values = {
            "hero": self.hero, "he": hero[0], "him": hero[1], "his": hero[2],
            "helper": self.helper, "she": helper[0], "her": helper[1], "hers": helper[2],
            "thing": self.thing, "a_thing": article(self.thing) if self.thing else "",
            "season": self.season, "home": self.home, "habit": self.habit,
            "who": article(f"{self.trait} {self.kind}"), "trait": self.trait, "kind": self.kind,
            "weather": self.chooser.pick(lexicon.WEATHERS), "time": self.chooser.pick(lexicon.TIMES),
            "stranger": article(f"{self.helper_trait} {self.helper_kind}"),
        }
        return sentence(template.format(**values, family=self.family.format(**values)))

    def one_of(self, *templates):
        return self.fill(self.chooser.pick(templates))

    def opening(self):
        """Who the hero is, where and with whom, and what the hero likes."""
        form = int(self.chooser.random.random() * 6)
        if form == 0:
            parts = [self.one_of("Once upon a time there was {who} named {hero}",
                                 "Once upon a time, there was {who} called {hero}")]
            if self.chooser.chance(0.6):
                parts.append(self.one_of("{hero} lived in {home} with {family}",
                                         "{he} lived in {home}, together with {family}"))
            return [*parts, self.one_of("Every day {he} liked to {habit}", "{hero} loved to {habit}",
                                        "What {he} liked best was to {habit}")]
        if form == 1:
            return [self.fill("Once upon a time, in {home}, there lived {who} named {hero}"),
                    self.one_of("{hero} loved to {habit} and was never bored",
                                "{he} loved to {habit}, and {family} loved {him} dearly")]
        if form == 2:
            return [self.fill("Once upon a time {who} lived in {home} with {family}"),
                    self.one_of("{his} name was {hero}, and {he} loved to {habit}",
                                "The {trait} {kind} was called {hero}")]
        if form == 3:
            return [self.one_of("Once upon a time there was {who} whose name was {hero}",
                                "Once upon a time {who} named {hero} lived in {home}")]
        if form == 4:
            return [self.one_of("There once was {who} whose name was {hero}", "Long ago there lived {who} named {hero}",
                                "In a land far away lived {who} named {hero}"),
                    self.one_of("{his} home was {home}", "{hero} lived in {home} with {family}")]
        return [self.one_of("{hero} was {who} who lived in {home}", "{hero} the {trait} {kind} lived in {home}"),
                self.one_of("On a {weather} {time} {he} went out to {habit}", "Nobody liked to {habit} as much as {hero}")]

    def want(self):
        """The wish, and setting out: in one sentence or in two."""
        if self.chooser.chance(0.5):
            return [self.fill(f"{self.wish.longing}, {self.wish.start}")]
        return [self.fill(self.wish.longing), self.fill(f"One {{weather}} {{time}} {self.wish.start.removeprefix('so ')}")]

    def trouble(self):
        """The obstacle, often a vain attempt, and the hero's feelings."""
        lead = self.chooser.pick(["On the way, ", "After a while, ", "Soon ", "But before long ", "At noon "])
        parts = [self.fill(lead + self.obstacle.met)]
        if self.chooser.chance(0.6):
            parts.append(self.fill(self.obstacle.tried))
        if self.chooser.chance(0.4):
            parts.append(self.fill(self.chooser.pick(lexicon.SAD)))
        return parts

    def meeting(self):
        """The helper comes, they talk, and the obstacle is overcome."""
        parts = [self.one_of(
            "Just then {stranger} named {helper} came along",
            "At that moment, {stranger} called {helper} appeared",
            "Along came {stranger}, whose name was {helper}",
            "Luckily, {stranger} named {helper} was passing by",
        )]
        if self.chooser.chance(0.7):
            parts += [self.fill(self.chooser.pick(lexicon.GREETINGS)), self.answer()]
        if self.chooser.chance(0.5):
            parts.append(self.fill(self.chooser.pick(lexicon.OFFERS)))
        lead = self.chooser.pick(["", "Then ", "So ", "And so "])
        return [*parts, self.fill(lead + self.obstacle.solved[self.helper_kind])]

    def answer(self):
        """What the hero says when asked."""
        complaint, plea = self.obstacle.complaint, self.wish.plea
        inner = complaint if complaint.startswith("I ") else complaint[0].lower() + complaint[1:]
        return self.one_of(
            f'"{complaint}," said {{hero}}. "{plea}."',
            f'"{plea}," {{hero}} answered, "but {inner}."',
            f'"{complaint}," {{he}} said in a low voice.',
        )

    def close(self):
        """Thanks, the wish come true, the end and the moral."""
        parts = [self.fill(self.chooser.pick(lexicon.THANKS))] if self.chooser.chance(0.5) else []
        parts += [self.fill(self.wish.fulfilled), self.fill(self.wish.afterwards)]
        if self.chooser.chance(0.4):
            parts.append(self.fill(self.chooser.pick(lexicon.ENDINGS)))
        return [*parts, self.fill(self.chooser.pick(lexicon.MORALS))]

    def text(self):
        return " ".join([*self.opening(), *self.want(), *self.trouble(), *self.meeting(), *self.close()])


def write_story(seed, index):
    """Story number `index` of a seed."""
    return Story(seed, index).text()


def main():
    parser = argparse.ArgumentParser(description="Prints stories of the corpus.")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--count", type=int, default=5)
    arguments = parser.parse_args()
    for index in range(arguments.count):
        print(write_story(arguments.seed, index), end="\n\n")


if __name__ == "__main__":
    main()
