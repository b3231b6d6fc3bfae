import pytest

from stockroom.items import Item, by_sku


def test_items_are_found_by_their_number():
    tape, box = Item("T1", "tape", "Nordpack"), Item("B1", "box", "Nordpack")
    assert by_sku([tape, box]) == {"T1": tape, "B1": box}


def test_a_number_given_twice_is_an_error():
    with pytest.raises(ValueError, match="T1 is given twice"):
        by_sku([Item("T1", "tape", "Nordpack"), Item("T1", "tape, brown", "Nordpack")])


@pytest.mark.parametrize("field", ["pack", "cover_days"])
def test_packs_and_cover_are_positive(field):
    with pytest.raises(ValueError, match="at least one"):
        Item("T1", "tape", "Nordpack", **{field: 0})
