"""Stories of people who go and get what they need: task 20."""

from memagent.evals.babi.story import Story
from memagent.evals.babi.words import GET, MORE_PEOPLE, MOVED, move_text, walkers

NEEDS = {
    "bored": ("garden", "football"),
    "hungry": ("kitchen", "apple"),
    "thirsty": ("kitchen", "milk"),
    "tired": ("bedroom", "pajamas"),
}


def motives(story: Story) -> None:
    """Tell how people feel and what they do about it; ask why, after every line (task 20)."""
    rng = story.rng
    count = len(MOVED) if story.length is None else max(1, -(-story.length // 2))
    people = [*MOVED, *MORE_PEOPLE][:count]
    mood = {person: rng.choice(tuple(NEEDS)) for person in people}
    left = {person: ["feel", "go", "get"] for person in people}
    felt: dict[str, int] = {}
    taken: set[str] = set()
    aside = walkers(rng)
    while going := [person for person in people if left[person]]:
        person = rng.choice(going)
        step, name = left[person].pop(0), person.lower()
        place, thing = NEEDS[mood[person]]
        if step == "get" and thing in taken:
            continue
        for _ in range(story.distractors):
            story.tell(aside())
        if step == "feel":
            felt[person] = story.tell(f"{person} is {mood[person]}.")
            story.ask(f"Where will {name} go?", place, (felt[person],))
        elif step == "go":
            story.tell(f"{move_text(rng, person, place)}.")
            story.ask(f"Why did {name} go to the {place}?", mood[person], (felt[person],))
        else:
            taken.add(thing)
            story.tell(f"{person} {rng.choice(GET)} the {thing} there.")
            story.ask(f"Why did {name} get the {thing}?", mood[person], (felt[person],))
