"""LIC: captions are masked, classes balanced, confidence counted."""

import numpy as np
import pytest

from loopsim.core.ptb_tokens import words_of
from loopsim.metrics import lic


def test_possessives_are_masked_and_letters_of_any_script_stay() -> None:
    assert lic.mask_words("The woman's bag, the men’s room") == "the [mask] 's bag the [mask] 's room"
    assert lic.mask_words("on his/her phone") == "on [mask] [mask] phone"
    assert lic.mask_words("Höhe und мужчина, t-shirt") == "höhe und мужчина t-shirt"
    assert set(words_of("1 1/2 of it")) == set(lic.mask_words("1 1/2 of it").split())
    assert lic.mask_words("...") == ""


def test_lic_masks_balances_and_counts_confidence() -> None:
    assert lic.mask_words("A woman and her dog") == "a [mask] and [mask] dog"
    assert lic.within_vocabulary("a [mask] with a zebra", {"a", "with"}) == "a [mask] with a [unk]"
    train, test = lic.balanced_split(["man"] * 30 + ["woman"] * 10, seed=0)
    assert (len(train), len(test)) == (18, 2)
    assert (np.concatenate([train, test]) < 30).sum() == 10
    assert not set(train) & set(test)
    with pytest.raises(ValueError, match="fewer than two classes"):
        lic.balanced_split(["man"] * 5, 0)
    with pytest.raises(ValueError, match="woman has too few"):
        lic.balanced_split(["man"] * 5 + ["woman"], 0)
    uninformed = lic.leakage(np.full((4, 2), 0.5), np.array([0, 1, 0, 1]))
    assert uninformed.mean() == pytest.approx(25)
