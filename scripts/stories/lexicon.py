"""The words of the stories: who there is, where they live, what they want, what stands in the way.

Out: tables of strings and small records. Nothing here chooses; `grammar.py` does.

Invariants: an obstacle lists the helpers who can overcome it, and every helper has a sentence for how; a
wish says how it is asked for, how it comes true, and which obstacles may stand before it. A noun phrase has
no article unless it says so. `{hero}`, `{he}`, `{him}`, `{his}`, `{helper}`, `{she}`, `{her}`, `{hers}` are
filled in later: the first four are the hero's, the last four the helper's (`{hers}` is possessive).
"""

from dataclasses import dataclass

GIRLS = (
    "Anna Bella Clara Daisy Ella Fern Grace Hazel Ivy Josie Kate Lily Mia Nora Olive Poppy Rose Ruby Sally "
    "Tess Violet Willa Zoe Molly Emma Lucy Alice Nina May June"
).split()
BOYS = (
    "Adam Ben Charlie Dan Eli Finn George Henry Ian Jack Leo Max Ned Oscar Peter Robin Sam Tom Victor Will "
    "Theo Toby Hugo Noah Felix Luke Oliver Jasper Milo Otto"
).split()

# Animals that can be a hero: the noun, its home, what it likes to do.
ANIMALS = [
    ("rabbit", "a warm burrow under the roots of an old oak", "hop through the tall grass"),
    ("mouse", "a tiny house behind the mill", "nibble crumbs of cheese"),
    ("fox", "a den at the edge of the wood", "chase the falling leaves"),
    ("bear cub", "a deep cave in the hills", "look for sweet honey"),
    ("duckling", "a nest beside the pond", "splash in the cool water"),
    ("kitten", "a basket by the kitchen stove", "play with a ball of wool"),
    ("puppy", "a small wooden house in the garden", "dig holes in the soft ground"),
    ("hedgehog", "a pile of dry leaves near the gate", "sniff at the mushrooms"),
    ("squirrel", "a hole high up in a chestnut tree", "collect nuts and acorns"),
    ("frog", "a green pond full of lilies", "jump from stone to stone"),
    ("lamb", "a meadow on the side of the hill", "run with the other lambs"),
    ("pony", "a red barn on the farm", "gallop around the field"),
    ("owl chick", "the tower of an old church", "count the stars at night"),
    ("turtle", "a quiet bay beside the sea", "lie on the warm sand"),
    ("goat", "a stone hut on the mountain", "climb over the rocks"),
    ("piglet", "a muddy yard behind the barn", "roll in the mud"),
]

CHILD_HOMES = [
    "a little house at the end of the village",
    "a small cottage near the forest",
    "a tall house in the middle of the town",
    "a white farmhouse with a blue door",
    "a houseboat on the river",
    "a stone cottage beside the sea",
    "a cabin at the foot of the mountain",
    "a room above the bakery",
    "an old mill with a creaking wheel",
    "a lighthouse on a rocky island",
]
CHILD_HABITS = [
    "draw pictures of the clouds",
    "read stories under a tree",
    "sing songs on the way to school",
    "feed the birds in the garden",
    "build castles out of sand",
    "help in the kitchen",
    "pick flowers in the meadow",
    "tell jokes to the neighbours",
    "skip stones across the water",
    "count the boats in the harbour",
    "paint little wooden animals",
    "water the vegetables",
]
CHILD_FAMILIES = [
    "{his} mother and father",
    "{his} grandmother",
    "{his} grandfather",
    "{his} mother and two brothers",
    "{his} father and a lazy cat",
    "{his} aunt and uncle",
    "{his} big sister",
]
ANIMAL_FAMILIES = [
    "{his} mother",
    "{his} mother and father",
    "{his} three sisters",
    "{his} old grandfather",
    "{his} many cousins",
    "{his} little brother",
]

HERO_TRAITS = [
    "little", "small", "young", "curious", "cheerful", "shy", "brave", "gentle", "clever", "quiet", "kind",
    "lively", "dreamy", "patient", "stubborn", "playful",
]
HELPER_TRAITS = ["old", "wise", "friendly", "strong", "merry", "clever", "kind", "busy", "tall", "polite", "funny"]
COLOURS = ["red", "blue", "green", "yellow", "golden", "silver", "purple", "orange", "white", "pink"]
WEATHERS = ["sunny", "windy", "cold", "misty", "bright", "rainy", "warm", "snowy", "cloudy", "fresh"]
TIMES = ["morning", "afternoon", "day", "evening"]
SEASONS = ["spring", "summer", "autumn", "winter"]


@dataclass(frozen=True)
class Obstacle:
    """Something in the way. `met` follows "On the way, "; `tried` is the hero's vain attempt."""

    met: str
    tried: str
    complaint: str
    # How each fitting helper overcomes it, by the helper's noun.
    solved: dict


OBSTACLES = {
    "river": Obstacle(
        "{hero} came to a wide river with no bridge",
        "{he} tried to jump across, but the water was too wide and {he} fell in with a splash",
        "I cannot cross the river",
        {
            "beaver": "{helper} cut down a tall tree with {hers} strong teeth, and it fell right across the river like a bridge",
            "swan": "{helper} carried {hero} across the river on {hers} broad white back",
            "fisherman": "{helper} rowed {hero} to the other side in a little brown boat",
            "otter": "{helper} showed {hero} a row of flat stones under the water and led {him} across, one step at a time",
        },
    ),
    "gate": Obstacle(
        "{hero} found a heavy iron gate that was locked",
        "{he} pushed with all {his} might, but the gate did not move at all",
        "The gate is locked and I have no key",
        {
            "mouse": "{helper} slipped through a crack in the wall and turned the lock from the inside",
            "magpie": "{helper} flew away and came back with a shiny key in {hers} beak",
            "blacksmith": "{helper} made a new key out of iron, and it fitted perfectly",
            "mole": "{helper} dug a tunnel under the gate, just wide enough for {hero}",
        },
    ),
    "cave": Obstacle(
        "{hero} had to go through a long dark cave",
        "{he} took three steps inside, but it was so dark that {he} ran out again",
        "I am afraid of the dark",
        {
            "firefly": "{helper} shone like a tiny lamp and flew ahead, so that {hero} could see every stone",
            "miner": "{helper} lit a lantern and walked beside {hero} until they came out on the other side",
            "bat": "{helper} told {hero} when to turn left and when to turn right, for {she} knew the cave by heart",
            "glow-worm": "{helper} sat on the shoulder of {hero} and glowed softly all the way",
        },
    ),
    "hill": Obstacle(
        "{hero} stood before a steep and slippery hill",
        "{he} climbed a little way up, but {his} feet slipped and {he} rolled all the way down",
        "The hill is too steep for me",
        {
            "donkey": "{helper} let {hero} ride on {hers} back and walked slowly up the winding path",
            "goat": "{helper} showed {hero} where the ground was firm, and they climbed from rock to rock",
            "shepherd": "{helper} tied a rope around a tree and pulled {hero} up to the top",
            "eagle": "{helper} spread {hers} great wings and carried {hero} up into the air",
        },
    ),
    "storm": Obstacle(
        "a terrible storm began, with thunder and rain",
        "{he} hid under a bush, but the wind blew the leaves away and {he} got very wet",
        "I am cold and wet, and I have lost my way",
        {
            "badger": "{helper} invited {hero} into a dry hole with a warm fire, and they waited together until the sun came out",
            "farmer": "{helper} gave {hero} a thick coat and a bowl of hot soup, and then showed {him} the right road",
            "goose": "{helper} held one wing over {hero} like an umbrella, and they walked on through the rain",
            "woodcutter": "{helper} took {hero} into a cosy hut and dried {his} feet, and soon the storm was over",
        },
    ),
    "wall": Obstacle(
        "{hero} reached a wall that was as high as a house",
        "{he} jumped up and down, but {he} could not reach the top",
        "This wall is much too high",
        {
            "giraffe": "{helper} bent down {hers} long neck, and {hero} slid over the wall as if on a slide",
            "carpenter": "{helper} took some boards and nails and built a ladder that reached to the top",
            "stork": "{helper} lifted {hero} up gently and set {him} down on the other side",
            "snail": "{helper} crept along the wall, very slowly, and showed {hero} a hole that nobody else had found",
        },
    ),
    "forest": Obstacle(
        "{hero} walked into a thick forest where all the trees looked the same",
        "{he} went left and right and left again, but always came back to the same old stump",
        "I am lost in the forest",
        {
            "owl": "{helper} flew up above the trees and called out which way to go",
            "deer": "{helper} led the way along a hidden path with quick light steps",
            "hunter": "{helper} took a map of the forest out of {hers} pocket, and together they followed it",
            "crow": "{helper} dropped one white pebble after another, and {hero} followed them out of the forest",
        },
    ),
}

# Helpers who are people; all others are animals.
PEOPLE = {"fisherman", "blacksmith", "miner", "shepherd", "farmer", "woodcutter", "carpenter", "hunter"}


@dataclass(frozen=True)
class Wish:
    """What the hero wants. `{thing}` is a coloured noun where `things` has any, and the same throughout."""

    longing: str
    start: str
    fulfilled: str
    afterwards: str
    plea: str
    things: tuple = ()


WISHES = [
    Wish(
        "But one day the wind took {his} {thing} and blew it far away",
        "so {he} set out to find it",
        "There, in the branches of a little tree, hung the {thing}",
        "{hero} held the {thing} tight and danced for joy",
        "I only want to find my {thing}",
        ("kite", "hat", "scarf", "balloon", "umbrella", "ribbon"),
    ),
    Wish(
        "One day {he} saw that {his} {thing} was gone, for a magpie had stolen it in the night",
        "so {he} went to look for it everywhere",
        "There, in a nest of twigs, lay the {thing}",
        "{hero} put the {thing} safely into {his} bag and laughed",
        "I only want to get back my {thing}",
        ("ring", "bell", "button", "spoon", "key", "coin", "marble"),
    ),
    Wish(
        "More than anything in the world, {he} wanted to see the sea",
        "so {he} packed some bread and an apple and started to walk",
        "There was the sea, wide and blue, with white ships and singing gulls",
        "{hero} ran into the waves and shouted with delight",
        "I only want to see the sea",
    ),
    Wish(
        "{his} best friend was ill in bed, and only the {thing} could make {his} friend well again",
        "so {he} went out to find one",
        "There, between two stones, grew the {thing}",
        "{hero} brought the {thing} home, and the very next day {his} friend was well again",
        "I only want to help my sick friend",
        ("rose", "moonflower", "berry", "mushroom", "clover", "lily"),
    ),
    Wish(
        "Tomorrow was the birthday of {his} mother, and {he} wanted to give her a {thing}",
        "so {he} took {his} last three coins and went to the market",
        "There, in a little shop, was the most beautiful {thing} of all",
        "{hero} gave the {thing} to {his} mother, and she kissed {him} on the nose",
        "I only want to buy a present for my mother",
        ("necklace", "teapot", "shawl", "candle", "vase", "music box"),
    ),
    Wish(
        "Every night {he} dreamed of touching a star",
        "so {he} decided to go to the place where the sky meets the ground",
        "There, on the grass, lay a little star that had fallen down, and it was as warm as bread",
        "{hero} kissed the star and threw it back into the sky, and it winked at {him}",
        "I only want to touch a star",
    ),
    Wish(
        "{he} had heard of a {thing} that could sing, and {he} wanted to hear it just once",
        "so {he} got up early and went to look for it",
        "There, on a mossy rock, sat the {thing}, and it sang more sweetly than a flute",
        "{hero} listened until the moon rose, and never forgot the song",
        "I only want to hear the singing {thing}",
        ("bird", "fish", "cricket", "harp", "shell", "fountain"),
    ),
    Wish(
        "The well in the village was dry, and everyone was thirsty",
        "so {he} took a bucket and went to look for water",
        "There, behind a rock, a clear spring bubbled out of the ground",
        "{hero} filled the bucket to the brim, and soon everyone had enough to drink",
        "I only want to bring some water home",
    ),
    Wish(
        "{he} wanted to visit {his} grandmother, who lived on the other side of the valley",
        "so {he} put a cake into a basket and said goodbye",
        "There stood the house of {his} grandmother, with smoke rising from the chimney",
        "{hero} and {his} grandmother ate the cake and talked until bedtime",
        "I only want to visit my grandmother",
    ),
]

SAD = [
    "{hero} sat down and began to cry",
    "{hero} felt very small and sad",
    "A big tear rolled down the cheek of {hero}",
    "{hero} did not know what to do",
    "{hero} sighed and hung {his} head",
    "{hero} almost gave up and went home",
]
GREETINGS = [
    '"Why are you so sad?" asked {helper}.',
    '"What is the matter, little one?" asked {helper}.',
    '"Hello there! Can I help you?" said {helper}.',
    '"Good day," said {helper}. "You look unhappy."',
    '"Who are you, and why are you crying?" asked {helper}.',
    '"My name is {helper}," {she} said. "What is wrong?"',
]
OFFERS = [
    '"Do not worry," said {helper}. "I will help you."',
    '"I have an idea," said {helper} with a smile.',
    '"Then you are lucky that I am here," {she} said. "Come with me!"',
    '"That is easy," {helper} answered. "Let us do it together."',
    '{helper} thought for a while. "I know what to do," {she} said at last.',
    '"Dry your tears," said {helper}. "Two can do more than one."',
]
THANKS = [
    '"Thank you, {helper}!" cried {hero}. "You are a true friend."',
    '"Oh, thank you!" said {hero}, and hugged {her}.',
    '"How can I ever thank you?" asked {hero}. "Just be kind to others," said {helper}.',
    '"I will never forget this," {hero} told {her}.',
    '"You are so good to me," said {hero}. "That is what friends are for," said {helper}.',
]
ENDINGS = [
    "From that day on, {hero} and {helper} were the best of friends.",
    "That night {hero} slept soundly and dreamed of {helper}.",
    "When {hero} came home, everyone wanted to hear the story.",
    "And every {season}, {hero} went to visit {helper} and brought {her} a present.",
    "In the evening {hero} and {helper} sat together and watched the sun go down.",
    "And they all lived happily ever after.",
]
MORALS = [
    "{hero} had learned that it is good to ask for help",
    "{hero} had learned that a friend can be found anywhere",
    "{hero} had learned that nobody is too small to be brave",
    "{hero} had learned that kindness costs nothing",
    "{hero} had learned that you should never give up too soon",
    "{hero} had learned that together we can do what nobody can do alone",
]
