"""The ledger finds every record in executed notebooks, and every claim that has none."""

import nbformat
import pytest

from preflare.claims import METADATA, Claim, Record
from preflare.errors import ClaimError
from preflare.ledger import MISSING, Ledger, records_of, runs_folder
from preflare.verdicts import DIFFERS, REPRODUCED, UNTESTABLE, VERDICTS, Rule


def claim(name, twin="emergent", **how):
    about = {"section": "8.2", "claim": f"About {name} & more.", "measure": "Share of slits"}
    rule = Rule("above", {"than": 0.5})
    defaults = about | {"chapter": "attributions", "format": ".0%", "rule": rule, "twin": twin}
    return Claim(**{"id": name} | defaults | how)


def record(name, value=0.9, chapter="attributions", cell=1, **how):
    spread = {} if value is None else {"low": value - 0.1, "high": value + 0.1}
    return Record(name, "twin", "quick", value, **spread, chapter=chapter, cell=cell, **how)


def ledger(*records, claims=("one", "two", "three")):
    listed = [each if isinstance(each, Claim) else claim(each) for each in claims]
    return Ledger({each.id: each for each in listed}, records)


def write_notebook(path, *outputs):
    """Write an executed notebook: text, a cell without records, then a cell for each output."""
    new = nbformat.v4
    cells = [new.new_markdown_cell("Text."), new.new_code_cell("1", outputs=[
        new.new_output("stream", text="1"), new.new_output("display_data", {"text/plain": "2"}),
    ])]  # fmt: skip
    for kept in outputs:
        shown = new.new_output("display_data", {"text/plain": "shown"})
        if kept is not None:
            shown.metadata[METADATA] = kept
        cells.append(new.new_code_cell("record()", outputs=[shown]))
    nbformat.write(new.new_notebook(cells=cells), path)
    return path


KEPT = {"claim": "one", "source": "twin", "profile": "quick", "value": 0.5, "low": 0.4, "high": 0.6}


class TestReadingRecords:
    def test_they_come_with_chapter_and_cell(self, tmp_path):
        path = write_notebook(tmp_path / "swarm.ipynb", None, KEPT, KEPT | {"claim": "two"})
        assert records_of(path) == [
            Record("one", "twin", "quick", 0.5, 0.4, 0.6, chapter="swarm", cell=3),
            Record("two", "twin", "quick", 0.5, 0.4, 0.6, chapter="swarm", cell=4),
        ]

    def test_a_notebook_without_any(self, tmp_path):
        assert records_of(write_notebook(tmp_path / "swarm.ipynb")) == []

    @pytest.mark.parametrize("kept", [{"claim": "one"}, KEPT | {"colour": "red"}])
    def test_a_record_that_is_none(self, tmp_path, kept):
        path = write_notebook(tmp_path / "swarm.ipynb", None, kept)
        with pytest.raises(ClaimError, match=r"swarm\.ipynb does not hold what an executed"):
            records_of(path)

    @pytest.mark.parametrize("content", [None, "", "{}", "no notebook", '{"cells": 3}'])
    def test_a_file_that_is_no_notebook(self, tmp_path, content):
        path = tmp_path / "swarm.ipynb"
        if content is not None:
            path.write_text(content)
        with pytest.raises(ClaimError, match=r"run it again with `preflare book --chapter swarm"):
            records_of(path)


class TestFolder:
    def test_the_build_names_it(self, monkeypatch, tmp_path):
        monkeypatch.setenv("PREFLARE_RUNS", str(tmp_path))
        assert runs_folder() == tmp_path
        monkeypatch.delenv("PREFLARE_RUNS")
        monkeypatch.chdir(tmp_path)
        assert runs_folder().resolve() == tmp_path / "_build" / "runs"

    def test_a_folder_with_some_chapters(self, tmp_path):
        kept = KEPT | {"claim": "nine-of-fifty"}
        write_notebook(tmp_path / "swarm.ipynb", kept)
        (tmp_path / "swarm.failed.ipynb").write_text("cut off")
        found = Ledger.read(tmp_path)
        assert [each.claim for each in found.records] == ["nine-of-fifty"]
        assert len(found.missing()) == len(found.claims) - 1

    def test_no_folder_at_all(self, tmp_path):
        found = Ledger.read(tmp_path / "nowhere")
        assert found.records == ()
        assert found.missing() == list(found.claims)
        assert set(found.table()["verdict"]) == {MISSING}


class TestLedger:
    def test_missing_and_unknown(self):
        found = ledger(record("two"), record("unheard"))
        assert found.missing() == ["one", "three"]
        assert found.unknown() == ["unheard"]

    def test_a_claim_twice(self):
        with pytest.raises(
            ClaimError, match=r"two is recorded 2 times \(cell 3 of attrib.*, cell 8"
        ):
            ledger(record("two", cell=3), record("one"), record("two", cell=8))

    def test_a_claim_in_another_chapter(self):
        with pytest.raises(ClaimError, match="two belongs to the chapter attributions and is rec"):
            ledger(record("two", chapter="swarm"))

    def test_a_record_that_the_claim_does_not_allow_any_more(self):
        with pytest.raises(ClaimError, match="Claim two is recorded without a value"):
            ledger(record("two", None))

    def test_the_table_has_a_row_for_every_claim(self):
        claims = [
            claim("one", printed="78 %"), "two", claim("three", why={"twin": "Set by us."}), "four",
        ]  # fmt: skip
        found = ledger(record("four", 0.3), record("one"), record("three"), claims=claims)
        table = found.table().set_index("id")
        assert list(table.index) == ["one", "two", "three", "four"]
        assert list(table["verdict"]) == [REPRODUCED, MISSING, UNTESTABLE, DIFFERS]
        assert list(table["ours"]) == [
            "90 % (80 to 100 %)", "", "90 % (80 to 100 %)", "30 % (20 to 40 %)",
        ]  # fmt: skip
        assert list(table["paper"]) == ["78 %", "", "", ""]
        assert list(table["reason"]) == ["", "", "Set by us.", ""]
        assert list(table["link"]) == [
            "attributions.html#claim-one", "", "attributions.html#claim-three",
            "attributions.html#claim-four",
        ]  # fmt: skip

    def test_counts_add_up(self):
        claims = ["one", claim("two", "by construction"), "three", "four"]
        found = ledger(record("one"), record("two"), record("three", 0.2), claims=claims)
        counts = found.counts()
        assert list(counts.index) == [*VERDICTS, MISSING]
        assert counts.loc[REPRODUCED].to_dict() == {"by construction": 1, "emergent": 1}
        assert counts.loc[DIFFERS].to_dict() == {"by construction": 0, "emergent": 1}
        assert counts.loc[MISSING].to_dict() == {"by construction": 0, "emergent": 1}
        assert counts.to_numpy().sum() == 4
        complete = ledger(record("one"), claims=["one"]).counts()
        assert list(complete.index) == list(VERDICTS)

    def test_html_has_a_row_with_an_id_and_escapes_what_it_shows(self):
        claims = [claim("one", "by construction"), "two", claim("three", why={"twin": "<Us>."})]
        html = ledger(record("one"), record("three"), claims=claims)._repr_html_()
        for name in ("one", "two", "three"):
            assert html.count(f'<tr id="claim-{name}-row">') == 1
            assert f"About {name} &amp; more." in html
        assert html.count("<tr") == html.count("</tr>") == 4
        assert html.count("href=") == 2
        assert 'href="attributions.html#claim-one"' in html
        assert "by construction of the twin" in html
        assert "&lt;Us&gt;." in html
        assert MISSING in html
