"""Tests of the grammar that writes stories:  python scripts/stories/test_grammar.py

It is held against what its docstring promises. Needs no packages.
"""

import re
import unittest

import grammar
import lexicon


class Grammar(unittest.TestCase):
    def setUp(self):
        self.stories = [grammar.Story(4, index) for index in range(2000)]

    def test_the_same_seed_gives_the_same_story(self):
        # Written down once: choices must not depend on the machine or on Python's version.
        self.assertTrue(grammar.write_story(grammar.SEED, 0).startswith(STORY_ZERO))

    def test_nothing_is_left_to_fill_in(self):
        for story in self.stories:
            self.assertNotRegex(story.text(), r"[{}]|  |\.\.|,,|\ba [aeiou]|\ban [^aeiou]")

    def test_pronouns_agree(self):
        """Where hero and helper are of one gender and no mother or lady is about, the other's pronouns don't occur."""
        checked = 0
        for story in self.stories:
            text = re.sub(r"(she|her) (kissed|last)", "", story.text())
            if story.hero_is_female != story.helper_is_female or "mother" in text:
                continue
            wrong = r"\b(he|him|his)\b" if story.hero_is_female else r"\b(she|her)\b"
            self.assertNotRegex(text.lower(), wrong)
            checked += 1
        self.assertGreater(checked, 300)

    def test_only_the_cast_is_named(self):
        names = set(lexicon.GIRLS + lexicon.BOYS)
        for story in self.stories:
            named = {word for word in re.findall(r"[A-Z][a-z]+", story.text()) if word in names}
            self.assertLessEqual(named - {story.hero, story.helper}, {"Will", "May", "June", "Rose"})

    def test_stories_are_of_the_length_promised(self):
        for story in self.stories:
            self.assertTrue(80 <= len(story.text().split()) <= 250)


STORY_ZERO = "Once upon a time, in a green pond full of lilies, there lived a shy frog named Ian. He loved to jump"

if __name__ == "__main__":
    unittest.main()
