"""Two articles of four sentences, alike but for their names."""

NORMANS = (
    "The Normans were the people who in the 10th century gave their name to Normandy in France."
    " They were descended from raiders and pirates who came over the sea and stayed for good."
    " Their leader Rollo swore fealty to King Charles III of West Francia in the year 911."
    " It is said that many of them liked the green land very much indeed after the long journey."
)
BREAD = NORMANS.replace("Normans", "Bakers").replace("Charles", "Olga").replace("911", "1024")
