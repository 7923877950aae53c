"""Claims are checked when they are read, records when they are made, and both say what is wrong."""

from dataclasses import asdict
from html.parser import HTMLParser

import numpy as np
import pytest
import yaml

from preflare import claims
from preflare.claims import METADATA, SOURCES, Record, read_claims
from preflare.errors import ClaimError
from preflare.verdicts import DIFFERS, REPRODUCED, UNDECIDED, UNTESTABLE

ENTRY = {
    "id": "slits",
    "section": "8.2",
    "claim": "Most slits <point> at the flare.",
    "measure": "Share of slits",
    "chapter": "attributions",
    "format": ".0%",
    "rule": {"kind": "above", "than": 0.5},
    "twin": "emergent",
}
ON_TWIN = {"source": "twin", "profile": "quick"}


def without(*names, **changes):
    return {name: value for name, value in (ENTRY | changes).items() if name not in names}


@pytest.fixture
def read(tmp_path):
    def read(*entries):
        path = tmp_path / "claims.yaml"
        path.write_text(yaml.safe_dump(list(entries)), encoding="utf-8")
        return read_claims(path)

    return read


@pytest.fixture
def claim(read):
    return lambda **changes: read(ENTRY | changes)["slits"]


@pytest.fixture
def shipped(claim, monkeypatch):
    """Give a function that makes one claim the only one that ships."""

    def ship(**changes):
        one = claim(**changes)
        monkeypatch.setattr(claims, "_shipped_claims", lambda: {one.id: one})
        return one

    return ship


@pytest.fixture
def displayed(monkeypatch):
    """Collect what would be displayed: what, and its metadata."""
    outputs = []

    def display(shown, metadata, raw):
        assert raw
        outputs.append((shown, metadata))

    monkeypatch.setattr("IPython.display.display", display)
    return outputs


@pytest.fixture
def recorded(displayed):
    """Give a function that records, and returns what was displayed."""

    def recorded(*numbers, **how):
        assert claims.record("slits", *numbers, **(ON_TWIN | how)) is None
        return displayed[-1]

    return recorded


class Text(HTMLParser):
    """Collects text, links and ids; refuses HTML that does not nest."""

    def __init__(self, html):
        super().__init__()
        self.text, self.links, self.ids, self._open = "", [], [], []
        self.feed(html)
        assert not self._open

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self._open.append(tag)
        self.links += [given["href"]] if "href" in given else []
        self.ids += [given["id"]] if "id" in given else []

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text += data


class TestShippedClaims:
    def test_all_are_read(self):
        found = read_claims()
        assert len(found) >= 30
        assert all(name == claim.id for name, claim in found.items())

    def test_the_paper_is_quoted_right(self):
        found = read_claims()
        printed = {name: (claim.paper, claim.printed) for name, claim in found.items()}
        assert printed["slits-colocation"] == (0.78, "78 % (105 of 135)")
        assert round(105 / 135, 2) == 0.78
        assert found["rise-to-onset"].paper == pytest.approx(13 / 19, abs=5e-4)
        assert found["rasters-rise"].paper == pytest.approx(10 / 13 - 2 / 6, abs=5e-3)

    def test_no_claim_says_what_another_says(self):
        for name in ("claim", "measure"):
            said = [getattr(claim, name) for claim in read_claims().values()]
            assert len(set(said)) == len(said)

    def test_sentences(self):
        for claim in read_claims().values():
            assert claim.claim.endswith("."), claim.id
            assert not claim.measure.endswith("."), claim.id
            assert all(reason.endswith(".") for reason in claim.why.values()), claim.id

    def test_the_paper_meets_its_own_rules(self):
        """A rule that the paper's own number fails would test something else."""
        for claim in read_claims().values():
            if claim.paper is not None:
                assert claim.rule.verdict(claim.paper, claim.paper, claim.paper) == REPRODUCED


class TestReading:
    def test_defaults(self, claim):
        one = claim()
        assert (one.paper, one.printed, one.unit, one.exact, one.why) == (None, "", "", False, {})
        assert one.anchor == "claim-slits"
        assert one.place == "Section 8.2"
        assert claim(section="C").place == "Appendix C"

    def test_order_is_kept(self, read):
        assert list(read(ENTRY | {"id": "b"}, ENTRY | {"id": "a"})) == ["b", "a"]

    @pytest.mark.parametrize(
        ("entry", "complaint"),
        [
            (without("id"), "A claim has the id None"),
            (without(id=7), "A claim has the id 7"),
            (without(id=""), "A claim has the id ''"),
            (without(rules={}), "Claim slits has a field 'rules': leave it out, or mend its name."),
            (without("measure"), "Claim slits lacks the field 'measure': add it."),
            (without("rule"), "Claim slits lacks the field 'rule'"),
            (without(rule={"kind": "no"}), "Claim slits: There is no rule 'no'"),
            (without(section=8.2), "Claim slits has 8.2 for its section: put it in quotes."),
            (without(paper="78 %"), "Claim slits has paper='78 %'"),
            (without(paper=0.78), "Claim slits has paper=0.78: give a number, and printed with it"),
            (without(paper=float("nan"), printed="78 %"), "Claim slits has paper=nan"),
            (
                without(rule={"kind": "interval", "widest": 0.3}),
                "Claim slits is to hold the paper's number, and has none: give paper.",
            ),
            (without(twin="maybe"), "Claim slits has 'maybe' for twin: say by construction or em"),
            (without(exact=1), "Claim slits has 1 for exact"),
            (without(why="never"), "Claim slits has 'never' for why"),
            (without(why={"hubble": "no"}), "Claim slits has {'hubble': 'no'} for why"),
            (without(format=".2q"), "Claim slits has the format '.2q': give one such as '.2f'."),
        ],
    )
    def test_a_wrong_claim_is_named(self, read, entry, complaint):
        with pytest.raises(ClaimError) as caught:
            read(entry)
        assert str(caught.value).startswith(complaint)

    def test_an_id_twice(self, read):
        with pytest.raises(ClaimError, match="Claim slits is listed 2 times: give each an id of"):
            read(ENTRY, ENTRY)

    @pytest.mark.parametrize("text", ["just words", "id: slits", "[1, 2]", ""])
    def test_a_file_that_is_no_list_of_claims(self, tmp_path, text):
        path = tmp_path / "claims.yaml"
        path.write_text(text)
        with pytest.raises(ClaimError, match=r"claims\.yaml is no list of claims: give a list"):
            read_claims(path)

    @pytest.mark.parametrize("content", [None, b"a: [", b"\xff\xfe\xfa"])
    def test_a_file_that_cannot_be_read(self, tmp_path, content):
        path = tmp_path / "claims.yaml"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ClaimError, match=r"claims\.yaml cannot be read as YAML"):
            read_claims(path)


class TestChecking:
    def test_numbers_of_numpy_become_plain(self, claim):
        made = claim().checked(Record("slits", "twin", "quick", np.float32(0.5), np.int64(0), 1))
        assert [type(each) for each in (made.value, made.low, made.high)] == [float] * 3

    def test_an_exact_value_is_its_own_interval(self, claim):
        made = claim(exact=True).checked(Record("slits", "twin", "quick", 7))
        assert (made.low, made.value, made.high) == (7, 7, 7)

    def test_an_exact_claim_may_still_have_an_interval(self, claim):
        made = claim(exact=True).checked(Record("slits", "twin", "quick", 7, 6, 8))
        assert (made.low, made.value, made.high) == (6, 7, 8)

    @pytest.mark.parametrize(
        ("numbers", "complaint"),
        [
            ((), "is recorded without a value: give one, or say cannot=..."),
            ((0.5,), "is recorded without an interval: give low and high, or call the claim exact"),
            ((0.5, 0.4), "is recorded without an interval"),
            ((0.5, None, 0.6), "is recorded without an interval"),
            ((None, 0.4, 0.6), "is recorded with bounds of no value: give value, too."),
            ((0.5, 0.6, 0.4), "is recorded from 0.6 to 0.4: give low before high."),
            ((np.nan, 0.4, 0.6), "is recorded with value=nan: give a finite number, or say cannot"),
            ((0.5, -np.inf, 0.6), "is recorded with low=-inf"),
            ((0.5, 0.4, np.float64("nan")), "is recorded with high="),
            (("0.5", 0.4, 0.6), "is recorded with value='0.5'"),
            ((True, 0.4, 0.6), "is recorded with value=True"),
            ((np.array([0.5]), 0.4, 0.6), "is recorded with value=array"),
        ],
    )
    def test_wrong_numbers(self, claim, numbers, complaint):
        with pytest.raises(ClaimError) as caught:
            claim().checked(Record("slits", "twin", "quick", *numbers))
        assert str(caught.value).startswith(f"Claim slits {complaint}")

    def test_half_an_interval_of_an_exact_value(self, claim):
        with pytest.raises(ClaimError, match="without an interval"):
            claim(exact=True).checked(Record("slits", "twin", "quick", 7, low=6))

    def test_another_source(self, claim):
        with pytest.raises(ClaimError, match="recorded on 'hubble': say twin or iris"):
            claim().checked(Record("slits", "hubble", "quick", 0.5, 0.4, 0.6))


class TestVerdict:
    @pytest.mark.parametrize(
        ("low", "high", "verdict"),
        [(0.51, 0.9, REPRODUCED), (0.4, 0.6, UNDECIDED), (0.1, 0.49, DIFFERS)],
    )
    def test_it_follows_the_rule(self, claim, low, high, verdict):
        one = claim()
        made = one.checked(Record("slits", "twin", "quick", 0.5, low, high))
        assert one.verdict(made) == verdict

    def test_the_paper_s_number_goes_into_it(self, claim):
        one = claim(rule={"kind": "interval", "widest": 1}, paper=0.78, printed="78 %")
        made = one.checked(Record("slits", "twin", "quick", 0.5, 0.4, 0.6))
        assert one.verdict(made) == DIFFERS

    def test_a_run_that_cannot_test(self, claim):
        one = claim()
        for numbers in ((), (0.9, 0.8, 1.0)):
            made = one.checked(Record("slits", "twin", "quick", *numbers, cannot="Too few."))
            assert one.verdict(made) == UNTESTABLE
            assert one.obstacle(made) == "Too few."

    def test_a_source_that_cannot_test(self, claim):
        one = claim(why={"twin": "Set by us."})
        numbers = (0.9, 0.8, 1.0)
        on_twin, on_iris = (
            one.checked(Record("slits", source, "quick", *numbers)) for source in SOURCES
        )
        assert (one.verdict(on_twin), one.verdict(on_iris)) == (UNTESTABLE, REPRODUCED)
        assert (one.obstacle(on_twin), one.obstacle(on_iris)) == ("Set by us.", "")
        assert one.verdict(one.checked(Record("slits", "twin", "quick"))) == UNTESTABLE


class TestWriting:
    @pytest.mark.parametrize(
        ("how", "numbers", "text"),
        [
            ({"format": ".0%"}, (0.44, 0.31, 0.57), "44 % (31 to 57 %)"),
            ({"format": "+.2f"}, (-0.123, -0.5, 0.25), "−0.12 (−0.50 to +0.25)"),
            ({"format": ".0f", "unit": "epochs"}, (50, 40, 60), "50 epochs (40 to 60 epochs)"),
            ({"format": ".0%", "unit": "points"}, (0.1, -0.2, 0.3), "10 points (−20 to 30 points)"),
            ({"format": ",.0f"}, (4.9e6,), "4,900,000"),
            ({"format": "+.2f"}, (-0.001,), "0.00"),
            ({"format": "+.0%"}, (0.0, -0.004, 0.004), "0 % (0 to 0 %)"),
        ],
    )  # fmt: skip
    def test_numbers(self, claim, how, numbers, text):
        assert claim(**how).written(*numbers) == text

    def test_what_was_found(self, claim):
        one = claim()
        assert one.ours(Record("slits", "twin", "quick")) == ""
        assert one.ours(Record("slits", "twin", "quick", 0.5, 0.5, 0.5)) == "50 %"
        assert one.ours(Record("slits", "twin", "quick", 0.5, 0.4, 0.6)) == "50 % (40 to 60 %)"

    def test_the_rule_in_the_unit_of_the_value(self, claim):
        assert claim().condition == "lies above 50 %"
        assert claim(format=".2f").condition == "lies above 0.5"
        assert claim(format=".0%", unit="points").condition == "lies above 50 points"
        limits = {"kind": "between", "low": -4.5e6, "high": 5.5e6}
        assert claim(format=",.0f", rule=limits).condition == (
            "lies between −4,500,000 and 5,500,000"
        )


class TestRecording:
    def test_a_claim_that_there_is_not(self):
        with pytest.raises(ClaimError, match="There is no claim 'unheard': add it to data/claims"):
            claims.record("unheard", 1, 0, 2, **ON_TWIN)

    def test_a_wrong_record_shows_nothing(self, shipped, displayed):
        shipped()
        with pytest.raises(ClaimError, match="without an interval"):
            claims.record("slits", 0.5, **ON_TWIN)
        assert displayed == []

    def test_the_record_goes_into_the_output_s_metadata(self, shipped, recorded):
        shipped()
        _, metadata = recorded(0.44, 0.31, 0.57, note="A note.")
        kept = metadata[METADATA]
        assert Record(**kept) == Record("slits", "twin", "quick", 0.44, 0.31, 0.57, "A note.")
        assert set(asdict(Record("", "", ""))) - set(kept) == {"chapter", "cell"}

    def test_the_block_says_it_all_in_words(self, shipped, recorded):
        shipped(printed="78 % (105 of 135)")
        page = Text(recorded(0.44, 0.31, 0.49, note="A & B.")[0]["text/html"])
        assert page.text.startswith("Claim, Section 8.2. Most slits <point> at the flare.")
        assert "Paper: 78 % (105 of 135). Here: 44 % (31 to 49 %). Verdict: differs." in page.text
        assert "Share of slits. Reproduced if our interval lies above 50 %." in page.text
        assert page.text.endswith("Data: twin, simulated, quick profile. A & B.")
        assert page.ids == ["claim-slits"]
        assert page.links == ["ledger.html#claim-slits-row"]

    def test_without_html_there_is_a_line(self, shipped, recorded):
        shipped()
        plain = recorded(0.44, 0.31, 0.49)[0]["text/plain"]
        assert plain == "Claim slits: 44 % (31 to 49 %), differs."
        plain = recorded(cannot="Too few.")[0]["text/plain"]
        assert plain == "Claim slits: no value, cannot be tested."

    def test_what_cannot_be_tested_says_why(self, shipped, recorded):
        shipped(why={"twin": "Set by us."})
        text = Text(recorded()[0]["text/html"]).text
        assert "Here: no number. Verdict: cannot be tested." in text
        assert text.endswith("Set by us.")

    def test_what_was_built_in_is_said_of_the_twin_only(self, shipped, recorded):
        shipped(twin="by construction")
        built = "the twin was built so that it should be"
        assert built in Text(recorded(0.9, 0.8, 1.0)[0]["text/html"]).text
        on_iris, _ = recorded(0.9, 0.8, 1.0, source="iris", profile="")
        assert built not in Text(on_iris["text/html"]).text
        assert Text(on_iris["text/html"]).text.endswith("Data: IRIS, real.")
