"""The sentence model: as its authors' own library says, the same for equal texts, and an error with words where it is missing."""

from pathlib import Path
from typing import Any

import pytest

from services.matching import meaning, policy_file, words
from services.matching.criteria import evidence
from services.matching.engine import match
from services.matching.explanations import total
from services.matching.person import Person, Seeker
from services.matching.policy import FULL, Meaning
from services.matching.policy_file import PolicyError, load_policy, parse_policy
from services.matching.pool import Candidate, Pool
from services.matching.wording.pair import Pair
from tests.domain.matching.populations import DAY

TEXT = "name: mindful\ncriteria:\n  load: {weight: 1}\n  meaning: {weight: 3}\n"
MINDFUL = parse_policy(TEXT)

needs_model = pytest.mark.skipif(
    not meaning.installed(), reason="the sentence model is not installed: ./firstmate policy enable-meaning"
)


@needs_model
def test_similarities_are_those_of_the_models_authors() -> None:
    # The example on the page of sentence-transformers/all-MiniLM-L6-v2: 0.695, 0.943, 0.257.
    one = "That is a happy person"
    assert meaning.similarity(one, "That is a happy dog") in (6900, 7000)
    assert meaning.similarity(one, "That is a very happy person") == 9400
    assert meaning.similarity(one, "Today is a sunny day") == 2600
    assert meaning.similarity(one, one) == FULL


@needs_model
def test_near_interests_earn_and_far_ones_do_not() -> None:
    mentors = [
        Candidate(Person("M-near", interests=("bouldering", "choir")), 1),
        Candidate(Person("M-far", interests=("cooking",)), 1),
        Candidate(Person("M-none"), 1),
    ]
    hire = Seeker(Person("H-1", interests=("climbing", "choral singing")), DAY)
    (found,) = match(Pool(mentors), MINDFUL, [hire])
    assert found is not None
    assert found.mentor_id == "M-near"
    assert total(found.parts) == found.score
    value = next(part.value for part in found.parts if part.criterion == "meaning")
    assert value == (meaning.similarity("climbing", "bouldering") + meaning.similarity("choral singing", "choir")) // 2
    assert [next(part.value for part in runner.parts if part.criterion == "meaning") for runner in found.runners_up] == [0, 0]


def said(seen: dict[str, Any], language: str = "en") -> str:
    return words.reason("meaning", seen, Pair({}, {}), language)


@needs_model
def test_evidence_counts_and_names_nothing() -> None:
    mentor = Candidate(Person("M-1", interests=("bouldering",)), 1)
    hire = Seeker(Person("H-1", interests=("climbing", "tax law")), DAY)
    assert evidence("meaning", MINDFUL, hire, mentor) == {"named": 2, "offered": 1, "near": 1}


def test_it_is_said_in_words() -> None:
    assert said({"named": 2, "offered": 1, "near": 1}) == (
        "1 of 2 interests of the new hire is close in meaning to one of the mentor's"
    )
    assert said({"named": 2, "offered": 1, "near": 2}, "de") == (
        "2 von 2 Interessen der neuen Person sind mit einem der Begleitung verwandt"
    )
    assert said({"named": 2, "offered": 1, "near": 0}) == "No interests close to each other in meaning"
    assert said({"named": 0, "offered": 1, "near": 0}, "de") == "Von der neuen Person sind keine Interessen bekannt"


def test_a_policy_that_weighs_meaning_without_the_model_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy_file, "installed", lambda: False)
    file = tmp_path / "mindful.yaml"
    file.write_text(TEXT)
    with pytest.raises(PolicyError, match=r"mindful\.yaml:4: criteria\.meaning: needs the sentence model; install it with"):
        load_policy(file)
    file.write_text(TEXT.replace("weight: 3", "weight: 0"))
    assert load_policy(file).criteria.meaning == Meaning(weight=0)
